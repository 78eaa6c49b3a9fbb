"""Layered drawing of directed acyclic graphs: every arrow points down, boxes never overlap, few arrows cross.

Three steps: a node's layer is the longest path that leads to it; nodes of a layer are sorted by the mean place of their
neighbours (barycentre); and each node then moves as near to its neighbours as the widths of a layer allow.
Source: Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981).
Notebook: 00.
"""

LAYOUT_SWEEPS = 24


def assign_layers(count, edges):
    """Return the layer of each node: below all nodes that point to it, and as near to its users as that allows.

    Parameters
    ----------
    count : int
        Number of nodes.
    edges : list of (int, int)
        Pairs (from, to).

    Returns
    -------
    list of int

    Raises
    ------
    ValueError
        If the edges run in a circle.

    Examples
    --------
    >>> assign_layers(4, [(0, 1), (1, 2), (3, 2)])
    [0, 1, 2, 1]
    """
    children = [[] for _ in range(count)]
    waiting_for = [0] * count
    for source, target in edges:
        children[source].append(target)
        waiting_for[target] += 1
    roots = [node for node in range(count) if waiting_for[node] == 0]
    layer, ready, done = [0] * count, list(roots), 0
    while ready:
        node = ready.pop()
        done += 1
        for child in children[node]:
            layer[child] = max(layer[child], layer[node] + 1)
            waiting_for[child] -= 1
            if waiting_for[child] == 0:
                ready.append(child)
    if done < count:
        raise ValueError(
            f"draw_graph: {count - done} of {count} nodes lie on or behind a circle of edges.\n"
            "A recorded computation never returns to an earlier node; check the direction of (from, to)."
        )
    for root in roots:
        if children[root]:
            layer[root] = min(layer[child] for child in children[root]) - 1
    return layer


def route_edges(layer, edges):
    """Return the rows of the drawing and the way of each edge through them.

    An edge that skips layers gets one invisible waypoint in each, numbered on from ``len(layer)``, so that the layout
    keeps a free lane for it.

    Returns
    -------
    rows : list of list of int
        Nodes and waypoints of each layer.
    routes : list of list of int
        For each edge its source, its waypoints and its target.

    Examples
    --------
    >>> route_edges([0, 1, 2], [(0, 1), (1, 2), (0, 2)])
    ([[0], [1, 3], [2]], [[0, 1], [1, 2], [0, 3, 2]])
    """
    rows = [[] for _ in range(max(layer) + 1)]
    for node, depth in enumerate(layer):
        rows[depth].append(node)
    routes, fresh = [], len(layer)
    for source, target in edges:
        route = [source]
        for depth in range(layer[source] + 1, layer[target]):
            rows[depth].append(fresh)
            route.append(fresh)
            fresh += 1
        routes.append([*route, target])
    return rows, routes


def _neighbours(rows, routes):
    above = {node: [] for row in rows for node in row}
    below = {node: [] for row in rows for node in row}
    for route in routes:
        for upper, lower in zip(route, route[1:]):
            below[upper].append(lower)
            above[lower].append(upper)
    return above, below


def count_crossings(rows, routes):
    """Count the pairs of arrows that cross when the nodes of each row stand in the given order.

    Examples
    --------
    >>> count_crossings([[0, 1], [2, 3]], [[0, 3], [1, 2]]), count_crossings([[0, 1], [3, 2]], [[0, 3], [1, 2]])
    (1, 0)
    """
    _, below = _neighbours(rows, routes)
    crossings = 0
    for upper, lower in zip(rows, rows[1:]):
        place = {node: index for index, node in enumerate(lower)}
        arrows = [(index, place[child]) for index, node in enumerate(upper) for child in below[node]]
        crossings += sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for number, a in enumerate(arrows) for b in arrows[:number])
    return crossings


def order_rows(rows, routes):
    """Return the rows sorted so that few arrows cross: sweeps down and up by barycentre, the best of them kept.

    Examples
    --------
    >>> order_rows([[0, 1], [2, 3]], [[0, 3], [1, 2]])
    [[0, 1], [3, 2]]
    """
    above, below = _neighbours(rows, routes)
    best, fewest = rows, count_crossings(rows, routes)
    for sweep in range(LAYOUT_SWEEPS):
        if fewest == 0:
            break
        downwards = sweep % 2 == 0
        rows = [list(row) for row in rows]
        depths = range(1, len(rows)) if downwards else range(len(rows) - 2, -1, -1)
        for depth in depths:
            fixed = rows[depth - 1] if downwards else rows[depth + 1]
            place = {node: index / len(fixed) for index, node in enumerate(fixed)}
            own = {node: index / len(rows[depth]) for index, node in enumerate(rows[depth])}
            linked = above if downwards else below

            def barycentre(node, place=place, own=own, linked=linked):
                places = [place[other] for other in linked[node]]
                return sum(places) / len(places) if places else own[node]

            rows[depth].sort(key=barycentre)
        crossings = count_crossings(rows, routes)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _spread(wishes, weights, widths, gap):
    """Places nearest to `wishes` (weighted least squares) that keep the order and `gap` between boxes of `widths`.

    With the room that the boxes to its left need taken off each wish, this is isotonic regression: pool neighbours
    that violate the order and give them their mean.
    """
    room, offsets = 0.0, []
    for index, width in enumerate(widths):
        if index:
            room += (widths[index - 1] + width) / 2 + gap
        offsets.append(room)
    pools = []
    for wish, weight, offset in zip(wishes, weights, offsets):
        pools.append([wish - offset, weight, 1])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            mean, weight_after, size = pools.pop()
            before, weight_before, size_before = pools[-1]
            total = weight_before + weight_after
            pools[-1] = [(before * weight_before + mean * weight_after) / total, total, size_before + size]
    means = [mean for mean, _, size in pools for _ in range(size)]
    return [mean + offset for mean, offset in zip(means, offsets)]


def place_rows(rows, routes, widths, gap):
    """Return the horizontal centre of every node and waypoint, leftmost box edge at 0.

    Parameters
    ----------
    rows, routes : list
        As `route_edges` and `order_rows` return them.
    widths : dict of int to float
        Width of each node's box; waypoints need none.
    gap : float
        Least room between two boxes of one row.

    Examples
    --------
    >>> place = place_rows([[0, 1], [2]], [[0, 2], [1, 2]], {0: 2.0, 1: 2.0, 2: 2.0}, gap=1.0)
    >>> place[0], place[1], round(place[2], 6)
    (1.0, 4.0, 2.5)
    """
    above, below = _neighbours(rows, routes)
    lane = gap / 2
    width = {node: widths.get(node, lane) for row in rows for node in row}
    place = {}
    for row in rows:
        wishes = [0.0] * len(row)
        place.update(zip(row, _spread(wishes, [1.0] * len(row), [width[node] for node in row], gap)))

    def pull(node, other):  # the ends of a long arrow hold each other tightly, so that it runs straight
        return (1 if node in widths else 3) * (1 if other in widths else 3)

    for sweep in range(2 * LAYOUT_SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wishes, weights = [], []
            for node in row:
                pulls = [(pull(node, other), place[other]) for other in above[node] + below[node]]
                weight = sum(amount for amount, _ in pulls)
                wishes.append(sum(amount * at for amount, at in pulls) / weight if pulls else place[node])
                weights.append(weight or 1)
            place.update(zip(row, _spread(wishes, weights, [width[node] for node in row], gap)))
    left = min(at - width[node] / 2 for node, at in place.items())
    return {node: at - left for node, at in place.items()}
