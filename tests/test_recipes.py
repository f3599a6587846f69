"""Defaults, ranges, recipes, ablations are those of settings.json: what a run means is changed on purpose, and there.

After such a change: python tests/test_recipes.py
"""

import json
from dataclasses import fields
from pathlib import Path

from minram.training.config import Config
from minram.training.jobs import EIGHT, QUICK, V1
from minram.training.recipes import RECIPES, SMALL, recipe

PATH = Path(__file__).with_name("settings.json")


def settings():
    """Every setting with its default, what it may be, and without what it has no effect → {name: [three]}."""
    return {f.name: [f.default, str(f.metadata["kind"]), f.metadata["only"]] for f in fields(Config)}


def changed(config):
    """What differs from the defaults."""
    return {f.name: getattr(config, f.name) for f in fields(Config) if getattr(config, f.name) != f.default}


def today():
    """All of it, as JSON has it."""
    recipes = {name: [one.text, one.minutes, one.error, changed(recipe(name))] for name, one in RECIPES.items()}
    ablations = {"now": [QUICK, EIGHT], "first protocol": list(V1.values())}
    lists = {"settings": settings(), "recipes": recipes, "small": changed(SMALL), "ablations": ablations}
    return json.loads(json.dumps(lists))


def test_settings_and_recipes_are_what_they_were():
    kept, now = json.loads(PATH.read_text(encoding="utf-8")), today()
    for part in kept.keys() | now.keys():
        assert kept[part] == now[part], f"{part}: meant? Then write them again: python tests/test_recipes.py"
        assert list(kept[part]) == list(now[part])  # their order is that of the lists that are printed


def test_each_ablation_is_another_run_and_fits_its_recipe():
    for ablated in (QUICK, EIGHT, *V1.values()):
        configs = [ablated.job(name).config for name in ablated.changes]
        assert len(set(map(str, configs))) == len(configs)


def test_a_choice_has_the_names_that_it_is_said_to_have():
    for f in fields(Config):
        assert not hasattr(f.metadata["kind"], "names") or ", ".join(f.metadata["kind"].names) in str(
            f.metadata["kind"]
        )


if __name__ == "__main__":
    lines = [
        f' "{part}": {{\n'
        + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in found.items())
        + "\n }"
        for part, found in today().items()
    ]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8", newline="\n")
