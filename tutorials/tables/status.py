"""What the tables still lack, in the order in which it should run."""

import ladder
import ledger
import sweep
from habit import HABITS, scan_job
from minram.errors import InputError
from minram.training.jobs import ABLATED, Job
from paper import HEADLINES, THREE, reported_seeds
from record import load_results, result_path


def status(results=None):
    """Lines of text."""
    results = load_results() if results is None else results
    lines = ["1. Headlines, and quick"]
    lines += [_row(name, reported_seeds(name), results) for name in (*HEADLINES.values(), "quick")]
    lines.append("2. The paper's recipe, and the ladder")
    for name in HEADLINES.values():
        try:
            lines += [_count(f"draws/{name}", ladder.draws(name), results)]
        except InputError as error:
            lines.append(f"   draws/{name}: waits, as {error}")
        lines += [_row(f"paper/{name}", reported_seeds(f"paper/{name}"), results)]
    for name in ladder.LADDERS:
        try:
            lines.append(_count(f"rates of ladder/{name}", ladder.trials(name, results), results))
            lines.append(_count(f"ladder/{name}", ladder.climbs(name, range(20, 25), results), results))
        except InputError as error:
            lines.append(f"   ladder/{name}: waits, as {error}")
    lines.append("3. The agent's other rows")
    lines += [_row(name, reported_seeds(name), results) for name in THREE]
    lines.append("4. Ablations")
    for ablated in ABLATED.values():
        jobs = [ablated.job(name, seed) for name in ablated.changes for seed in range(20, 25)]
        lines.append(_count(f"ablations/{ablated.recipe}", jobs, results))
    for name in HABITS:
        lines.append(_scans(name, results))
    lines.append("5. The sweep of distractors")
    jobs = [Job(sweep.ROW, seed, kind="sweep") for seed in reported_seeds(sweep.ROW)]
    have = sum(result_path(job).with_suffix(".jsonl").exists() for job in jobs)
    return [*lines, f"   sweep: {have} of {len(jobs)}{_todo(have, len(jobs))}"]


def _row(name, seeds, results):
    kind, _, recipe = name.rpartition("/")
    have = [seed for seed in seeds if Job(recipe, seed, kind=kind).stem in results]
    line = ledger.frozen(name)
    frozen = f"frozen {line['date'][:10]}" if line else "not frozen"
    return f"   {name}: {len(have)} of {len(seeds)} seeds, {frozen}{_todo(len(have), len(seeds))}"


def _scans(name, results):
    """Scans with noise: every seed of quick, and one of a headline, whichever has its weights."""
    rows = {scan_job(name, 0, first_too, noise=True).row for first_too in (False, True)}
    seeds = [sum(f"{row}-s{seed}" in results for seed in reported_seeds(name)) for row in rows]
    have = sum(seeds) if name == "quick" else sum(map(bool, seeds))
    wanted = len(rows) * (len(reported_seeds(name)) if name == "quick" else 1)
    return f"   habit {name} --noise: {have} of {wanted}{_todo(have, wanted)}"


def _count(text, jobs, results):
    have = sum(job.stem in results for job in jobs)
    return f"   {text}: {have} of {len(jobs)}{_todo(have, len(jobs))}"


def _todo(have, wanted):
    return "" if have == wanted else " – missing"
