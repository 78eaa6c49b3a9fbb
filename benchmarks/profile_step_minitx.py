"""A training step under the eyes of `minitx.profile`."""

import minitx
from benchmarks import gpt_step_minitx, vit_step_minitx
from minitx.plot.profile import draw_profile


def setup(kind, size, runs, picture):
    """Profile one step; return the seconds of all its threads, and what each op took of them, as facts."""
    profiled = minitx.profile(step_of(kind, size), runs)
    if picture is not None:
        draw_profile(profiled).savefig(picture, dpi=110)
    fields = ("name", "seconds", "forward", "backward", "flops")
    ops = [{field: getattr(row, field) for field in fields} for row in profiled.ops]
    ops.append({"name": "between ops", "seconds": profiled.between, "forward": 0, "backward": 0, "flops": 0})
    return {"seconds": profiled.seconds * profiled.threads, "ops": ops}, {}


def step_of(kind, size):
    """Return a function that takes one training step, as the benchmark of that kind takes it."""
    if kind == "gpt":
        return gpt_step_minitx.training_step(*gpt_step_minitx.build(**size))
    model, optimizer, images, labels = vit_step_minitx.build(**size)

    def step():
        optimizer.zero_grad()
        vit_step_minitx.backward(model, images, labels)
        optimizer.step()

    return step
