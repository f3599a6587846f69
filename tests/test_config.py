import json
import math
import re
from dataclasses import asdict, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minram.errors import InputError
from minram.training.config import Config, describe_settings

NAMES = [f.name for f in fields(Config)]
RANGES = {f.name: f.metadata["kind"] for f in fields(Config)}
KINDS = {f.name: type(f.default) for f in fields(Config)}
NUMBERS = [name for name in NAMES if hasattr(RANGES[name], "low")]
CHOICES = [name for name in NAMES if hasattr(RANGES[name], "names")]
NEEDS = {"canvas": {"task": "translated"}, "classifier_units": {"model": "fc"}}  # to have an effect
NEEDS |= {key: {"task": "cluttered"} for key in ("distractors", "distractor_size", "curriculum")}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_taken_up_to_its_range_and_no_further(name):
    low, high = RANGES[name]
    others = NEEDS.get(name, {}) | {"distractor_size": {"canvas": 4096}, "shards": {"batch_size": 1024}}.get(name, {})
    for value in (low, high):
        got = getattr(Config(**others | {name: value}), name)
        assert got == ((value, value) if name == "canvas" else (value,) if KINDS[name] is tuple else value)
        assert type(got) is KINDS[name]
    wrong = [low - 1, high + 1, math.nan, math.inf, -math.inf, 10**400, None, True, "", "x", "nan", "1e999", [[1]], {}]
    if KINDS[name] is not float:
        wrong += [low + 0.5, np.float32(low + 0.5), np.True_, "1.5", 1e300]
    for value in wrong:
        with pytest.raises(InputError, match=rf"^{name} should be .* from {low} to {high}, but it is ") as caught:
            Config(**others | {name: value})
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_shape_is_two_or_three_numbers_or_none():
    for value, want in {"60x40": (60, 40), (60, 40, 3): (60, 40, 3), "1x4096x4": (1, 4096, 4), "": (), (): ()}.items():
        assert Config(image_shape=value).image_shape == want
    for wrong in (60, "60", "0x5", "5x4097", "axb", "1x2x3x4", (1.5, 2), None, {}, "5x"):
        with pytest.raises(InputError, match=r"image_shape should be HxW or HxWxC, .* from 1 to 4096, or empty"):
            Config(image_shape=wrong)


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_is_one_of_those_that_the_message_lists(name):
    for wrong in ("x", "", 1, None, True, ["x"], [None]):
        if name == "flow" and wrong == "":
            continue  # no head at all is a choice
        with pytest.raises(InputError, match=f"^{name} should be .*{', '.join(RANGES[name].names)}, but it is "):
            Config(**{name: wrong})


@pytest.mark.parametrize(
    "text, value",
    [(text, True) for text in ("true", "True", "1", "yes", "YES", 1, True)]
    + [(text, False) for text in ("false", "False", "0", "no", "NO", 0, False)],
)
def test_a_bool_is_true_or_false(text, value):
    assert Config(learn_std=text).learn_std is value
    for wrong in ("maybe", 2, None, 1.5, []):
        with pytest.raises(InputError, match="learn_std should be true or false"):
            Config(learn_std=wrong)


@pytest.mark.parametrize(
    "name, text, value",
    [
        ("canvas", "60", (60, 60)),
        ("canvas", "60x80", (60, 80)),
        ("canvas", "(60, 80)", (60, 80)),
        ("canvas", 60, (60, 60)),
        ("canvas", [60, 80], (60, 80)),
        ("scales", "1,2,4", (1, 2, 4)),
        ("scales", 3, (3,)),
        ("flow", "location, label", ("label", "location")),
        ("flow", "", ()),
        ("flow", ["label"] * 2, ("label",)),
        ("epochs", 3.0, 3),
        ("learning_rate", "1e-2", 0.01),
        ("data", "a b.npz", "a b.npz"),
    ],
)
def test_settings_are_read_as_people_write_them(name, text, value):
    config = Config(task="translated", **{name: text})
    assert getattr(config, name) == value and type(getattr(config, name)) is type(value)


@pytest.mark.parametrize("wrong", ["1,2,x", "1x2", "1,,2", ",", "", ()])
def test_scales_are_not_guessed(wrong):
    with pytest.raises(InputError, match="scales should be whole numbers"):
        Config(scales=wrong)


@pytest.mark.parametrize("wrong", ["60x60x60", "", (), (1, 2, 3)])
def test_a_canvas_has_two_sides(wrong):
    with pytest.raises(InputError, match="canvas should be one or two whole numbers"):
        Config(task="translated", canvas=wrong)


@pytest.mark.parametrize(
    "settings, fix",
    [
        ("baseline=rollouts", "set rollouts=2 or more"),
        ("baseline=batch batch_size=1", "set batch_size=2 or more"),
        ("objective=reinforce flow=label", "set flow=label,location"),
        ("objective=reinforce flow=location", "set flow=label,location"),
        ("learn_std=true weight_decay=0.1", "set weight_decay=0 or learn_std=false"),
        ("learning_rate=0.5 weight_decay=2", "set a smaller weight_decay"),
        ("model=fc background=0.5", "set model=ram too"),
        ("objective=reinforce flow=label,location reward=probability", "set reward=correct"),
        ("objective=reinforce flow=label,location class_weights=balanced", "class_weights=none"),
        ("learning_rate=0.5 weight_decay=2", "would take away 1 times"),
        ("task=cluttered canvas=40x50 distractor_size=41", "smaller distractor_size"),
        ("learn_std=true final_std=0.5", "set final_std=1 or learn_std=false"),
        ("policy=random flow=label,location", "set flow=label"),
        ("policy=random objective=reinforce flow=label,location", "set objective=hybrid or policy=gaussian"),
        ("learn_std=true start=gaussian", "set learn_std=false or another start"),
        ("task=translated background=0.5", "set background=0"),
        ("policy=random learn_std=true", "learn_std=false"),
        ("task=cluttered distractor_size=61", "smaller distractor_size"),
        ("canvas=60x60", "set task=translated or cluttered too"),
        ("task=translated distractors=4", "set task=cluttered too"),
        ("distractor_size=8", "set task=cluttered too"),
        ("curriculum=0.5", "set task=cluttered too"),
        ("objective=reinforce flow=label,location label_steps=every reward_steps=every", "set reward_steps=last"),
        ("reward_steps=every", "set label_steps=every"),
        ("batch_size=4 shards=5", "set shards=4 or less"),
        ("baseline=batch batch_size=8 shards=5", "2 or more a part"),
    ],
)
def test_contradictions_are_refused_with_the_fix(settings, fix):
    with pytest.raises(InputError, match=re.escape(fix)):
        Config().changed(settings.split())
    # Of a default only `changed` knows that it was named.
    if settings not in ("distractor_size=8", "canvas=60x60", "task=translated distractors=4"):
        with pytest.raises(InputError, match=re.escape(fix)):
            Config.from_dict(dict(text.split("=") for text in settings.split()))


@pytest.mark.parametrize(
    "settings",
    [
        "baseline=rollouts rollouts=2",
        "baseline=batch batch_size=2",
        "baseline=batch batch_size=1 rollouts=2",
        "baseline=batch batch_size=10 shards=5",
        "batch_size=4 shards=4",
        "objective=reinforce flow=label,location",
        "objective=reinforce flow=label,location,baseline",
        "objective=reinforce flow=label,location label_steps=every",
        "reward_steps=every label_steps=every",
        "policy=random learn_std=false final_std=0.5",
        "learn_std=true final_std=1",
        "learning_rate=0.5 weight_decay=1.99",
        "learn_std=true weight_decay=0",
        "learn_std=true start=centre",
        "background=0.5",
        "task=cluttered canvas=40x50 distractor_size=40",
        "class_weights=balanced",
        "reward=probability",
    ],
)
def test_what_is_just_no_contradiction_is_allowed(settings):
    Config().changed(settings.split())


def test_a_curriculum_adds_the_distractors_one_by_one():
    config = Config(task="cluttered", distractors=3, curriculum=0.5)
    counts = [config.task_at(step / 64).n_distractors for step in range(64)]
    assert counts == [0] * 8 + [1] * 8 + [2] * 8 + [3] * 40
    assert config.task_at(0.2)._replace(n_distractors=3) == config.task_at()
    # The last moment before its end: the share of it that is over rounds to 1.
    assert Config(task="cluttered", distractors=999, curriculum=1).task_at(1 - 2**-53).n_distractors == 999
    assert Config(task="cluttered").task_at(0) == Config(task="cluttered").task_at()


def test_an_unknown_key_is_answered_with_the_nearest():
    for key, near in {"epoch": "epochs", "batch-size": "batch_size", "learningrate": "learning_rate"}.items():
        with pytest.raises(InputError, match=f"no setting '{key}'; did you mean '{near}'"):
            Config().changed([f"{key}=1"])
    with pytest.raises(InputError, match="no setting 'zzzz'; see minram train --settings"):
        Config().changed({"zzzz": 1})
    with pytest.raises(InputError, match="should read key=value, but one is 'epochs'"):
        Config().changed(["epochs"])


def test_json_gives_the_same_settings_back():
    config = Config(task="cluttered", scales=(1, 2), learn_std=True, flow=(), std=0.1 + 0.2, data="σ.npz")
    assert Config.from_dict(json.loads(config.to_json())) == config
    assert Config.from_dict({}) == Config()  # what a later version added has its default
    for wrong in (None, [], "x", 3):
        with pytest.raises(InputError, match="JSON object"):
            Config.from_dict(wrong)
    assert Config().changed([]) == Config() == Config().changed({})


ANY = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=100)


@given(st.sampled_from(NAMES), ANY | st.lists(ANY, max_size=3))
def test_any_value_is_taken_or_refused_in_one_sentence(name, value):
    try:
        config = Config.from_dict({name: value})
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 400
    else:
        assert Config.from_dict(asdict(config)) == config


def test_the_list_names_every_setting():
    lines = describe_settings().splitlines()
    assert [line.partition("=")[0] for line in lines] == NAMES
    assert all(", ".join(RANGES[name].names) in line for name, line in zip(NAMES, lines) if name in CHOICES)


def test_of_a_long_value_or_name_sixty_characters_are_shown():
    for wrong in ({"epochs": "x" * 61}, {"x" * 61: 1}):
        with pytest.raises(InputError) as caught:
            Config.from_dict(wrong)
        assert "x" * 60 in str(caught.value) and "x" * 61 not in str(caught.value)


def test_an_agent_with_random_locations_has_no_others():
    for wanted in ("sampled", "mean"):
        assert Config().rollout_policy(wanted) == wanted
        assert Config(policy="random", flow="label").rollout_policy(wanted) == "random"
