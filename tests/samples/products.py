"""Samples for `minitx.autograd.products`."""

from minitx.autograd.products import contract, matmul
from tests.samples.declare import normal, sample

SAMPLES = {
    matmul: [
        sample(normal(2, 3), normal(3, 4), note="matrices"),
        sample(normal(3, 3), normal(3, 3, seed=1), note="square"),
        sample(normal(3), normal(3, seed=1), note="vectors"),
        sample(normal(2, 3), normal(3), note="matrix, vector"),
        sample(normal(3), normal(3, 2), note="vector, matrix"),
        sample(normal(2, 2, 3), normal(3, 2), note="batch, matrix"),
        sample(normal(3), normal(2, 3, 2), note="vector, batch"),
        sample(normal(2, 2, 3), normal(3), note="batch, vector"),
        sample(normal(2, 3), normal(2, 3, 2), note="matrix, batch"),
        sample(normal(2, 2, 3), normal(2, 3, 2), note="batches"),
        sample(normal(2, 1, 2, 3), normal(3, 3, 2), note="broadcast batches"),
        sample(normal(3, 2).T, normal(4, 3).T, note="non-contiguous"),
        sample(normal(2, 1), normal(1, 1), note="size 1"),
        sample(normal(0, 3), normal(3, 2), note="no rows"),
        sample(normal(2, 0), normal(0, 2), note="nothing to sum"),
        sample(normal(0, 2, 3), normal(3, 2), note="empty batch"),
    ],
    contract: [
        sample(normal(2, 3), normal(3, 4), inputs=("ij", "jk"), output="ik", note="matmul"),
        sample(normal(2, 3), inputs=("ij",), output="ji", note="transpose"),
        sample(normal(3, 3), inputs=("ii",), output="", note="trace"),
        sample(normal(3, 3), inputs=("ii",), output="i", note="diagonal"),
        sample(normal(3, 3, 3), inputs=("iii",), output="i", note="long diagonal"),
        sample(normal(2, 3), inputs=("ij",), output="j", note="sum"),
        sample(normal(2, 3), normal(4, seed=1), inputs=("ij", "k"), output="j", note="summed out alone"),
        sample(normal(2), normal(3), inputs=("i", "j"), output="ij", note="outer"),
        sample(
            normal(2, 3), normal(2, 3, seed=1), normal(3, seed=2), inputs=("ij", "ij", "j"), output="", note="three"
        ),
        sample(normal(2, 2, 3), normal(2, 3, 2), inputs=("bij", "bjk"), output="bki", note="batched"),
        sample(normal(2, 1), normal(1, 3), inputs=("ij", "ij"), output="ij", note="broadcast length 1"),
        sample(normal(2, 1), normal(4, 3), inputs=("ij", "kj"), output="ik", note="broadcast length 1, summed out"),
        sample(normal(2, 1), normal(1, 3), inputs=("ij", "kj"), output="", note="broadcast both ways, summed out"),
        sample(normal(0, 3), normal(3), inputs=("ij", "j"), output="i", note="empty"),
    ],
}
