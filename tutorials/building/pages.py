"""Write the pages to touch, pages/*.html: one file each, that a double click opens.

Their templates and scripts are in pages/src/, what all pages share in minram/pictures/web/; the numbers in them are
computed by the package.
"""

from building.lessons import TUTORIALS
from minram.errors import InputError
from minram.storage.writing import write_text

SOURCES = TUTORIALS / "pages" / "src"


def register(commands):
    text = "write the pages to touch, one HTML file each"
    parser = commands.add_parser("pages", help=text, description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PAGES)} (all)")
    parser.set_defaults(run=run)


def run(args):
    if unknown := sorted(set(args.names) - set(PAGES)):
        raise InputError(f"there is no page {', '.join(unknown)}; take some of {', '.join(PAGES)}.")
    for name in args.names or PAGES:
        path = SOURCES.parent / f"{name}.html"
        text = PAGES[name]()
        write_text(path, text)
        print(f"{path.name}: {len(text.encode()) / 1000:.0f} kB")


def reinforce():
    """REINFORCE in one dimension, with settings computed here by which the page checks itself."""
    import numpy as np

    from building.one_dimension import exact, settings
    from minram.pictures.page import assemble

    x, w = np.polynomial.legendre.leggauss(16)
    checks = [{"setting": s, "values": exact(s)} for s in settings(30, seed=0)]
    return assemble(SOURCES / "reinforce.html", {"rule": {"x": x.tolist(), "w": w.tolist()}, "checks": checks})


def agent():
    """The agent of the weights pretrained:cluttered-60; `minram page RUN` makes that of any other."""
    from minram.pictures.agent_page import page_of
    from minram.training.run import find_model

    return page_of(find_model("pretrained:cluttered-60"), name="pretrained:cluttered-60")


LINES = {
    "sensor": ("sensor.py", "np.multiply(cells, cache.value, out=out.T"),
    "linear": ("glimpse.py", "np.matmul(phi, params"),
    "combine": ("glimpse.py", "z, _ = linear_forward(hidden"),
    "core": ("core.py", "z, _ = linear_forward(hg"),
    "relu": ("ops.py", "y = np.maximum(x, 0, out=out)"),
    "label": ("heads.py", "logits, _ = linear_forward(h"),
    "softmax": ("ops.py", "CrossEntropyCache(e / total, labels)"),
    "location": ("heads.py", "mu, _ = linear_forward(hidden"),
    "sample": ("policy.py", "mu + np.exp(log_std) * eps"),
    "clip": ("agent.py", "np.clip(samples[t], -1, 1"),
    "baseline": ("heads.py", "baseline, _ = linear_forward(h"),
    "reward": ("reinforce.py", "right = cache.p.argmax"),
    "advantage": ("reinforce.py", "np.broadcast_to(G - BASELINES[kind]"),
    "loss": ("ops.py", "loss = np.log(total"),
    "dlogits": ("ops.py", "return dloss[..., None] * (cache.p - onehot)"),
    "score": ("policy.py", "dmu = dlogp[..., None] * cache.z"),
    "dmu": ("reinforce.py", "log_prob_backward(-location_weight / N * advantage"),
    "dbaseline": ("reinforce.py", "residual = trajectory.baseline - G"),
    "carry": ("core.py", "relu_backward(dh[t] + dz[t + 1]"),
    "mask": ("ops.py", "return np.multiply(dy, y > 0, out=out)"),
    "dx": ("ops.py", "dx = dy @ W.T if input_gradient"),
    "dW": ("ops.py", '"W": x.T @ dy'),
    "db": ("ops.py", '"W": x.T @ dy'),
}


def step():
    """One step by hand: an agent of 51 parameters, each number with its formula and its line."""
    from building.small_agent import named, standard
    from minram.pictures.page import assemble, find_line

    s = standard()
    lines = {key: find_line(*place) for key, place in LINES.items()}
    told = {"input": s, "checks": named(s), "code": lines}
    return assemble(SOURCES / "step.html", told, str(sum(len(w["values"]) for w in s["params"].values())))


PAGES = {"agent": agent, "step": step, "reinforce": reinforce}
