"""Draw the moving picture of the README: an agent that finds five digits among clutter, and takes a sixth for another.

They are the first of the validation images in the order of seed 0: of those that it names rightly five of different
digits, and of the others the first. The weights are pretrained:cluttered-60. Pillow is needed, a development extra.
"""

import tempfile
from pathlib import Path

from building.lessons import TUTORIALS
from minram.errors import InputError

PICTURE = TUTORIALS / "pictures" / "readme.gif"
MODEL, RIGHT = "pretrained:cluttered-60", 5
MOST = 1_500_000  # bytes


def register(commands):
    parser = commands.add_parser("movie", help="draw the moving picture of the README", description=__doc__)
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="where it goes (tutorials/pictures/readme.gif)"
    )
    parser.set_defaults(run=run, file=PICTURE)


def run(args):
    from minram.pictures.movie import write_movie
    from minram.pictures.show import look
    from minram.storage.writing import write_bytes
    from minram.training.run import find_model

    scene = chosen(look(find_model(MODEL), 400))
    with tempfile.TemporaryDirectory() as folder:
        gif, _ = write_movie(scene, folder, RIGHT + 1)
        content = gif.read_bytes()
    if len(content) > MOST:
        raise InputError(f"the picture has {len(content):,} bytes, but at most {MOST:,} are kind; draw it smaller.")
    write_bytes(args.file, content)
    print(f"{args.file.name}: {len(content) / 1000:.0f} kB")


def chosen(scene):
    """Of a scene the images that are shown, as a scene."""
    guessed = scene.predicted[-1]
    right, wrong = [], []
    for i, (guess, label) in enumerate(zip(guessed, scene.labels)):
        if guess != label:
            wrong.append(i)
        elif label not in scene.labels[right]:
            right.append(i)
    index = [*right[:RIGHT], *wrong[:1]]
    if len(index) <= RIGHT:
        raise InputError(f"of {len(guessed)} images too few are right or wrong to choose from; let it look at more.")
    return scene._replace(
        images=scene.images[index],
        labels=scene.labels[index],
        loc=scene.loc[:, index],
        phi=scene.phi[:, index],
        probabilities=scene.probabilities[:, index],
    )
