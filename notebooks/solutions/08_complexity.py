"""Solutions to the exercises of notebook 08. Try first; there is more than one right way."""

my_most_tokens = 2 ** ((30 - 2) // 2)  # 2^30 bytes hold 2^28 scores of 2^2 bytes each, and n² = 2^28


def my_axial_pairs(height, width):
    """Each pixel meets its row in one layer and its column in the other."""
    return height * width * (width + height)


def my_tokens_seen(kernel_size, spread, layers, tokens):
    """Every layer adds one of its taps to how far a path has gone; a set forgets how many paths lead to a place."""
    back = {0}
    for depth in range(layers):
        back = {distance + tap * spread**depth for distance in back for tap in range(kernel_size)}
    return sum(distance < tokens for distance in back)


def share(n, d):
    """4nd² / (4nd² + 2n²d), with 2nd cancelled."""
    return 2 * d / (2 * d + n)


my_bert_share, my_gpt_share = share(512, 768), share(1024, 768)

my_tokens = 2 * 32  # 4nd² + 2n²d = 8nd², so n = 2d: below that, the feed-forward part is the larger one
