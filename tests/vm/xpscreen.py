# SPDX-License-Identifier: MIT
"""What a picture of Windows' screen shows, by the shares of its colours.

Nothing is compared with a stored picture: resolutions, languages and editions differ. What is
looked at is how XP paints since it exists: text mode setup and STOP screens on pure blue, a
task bar along the lower edge that is blue with a green button, or grey in the classic look.
"""
from PIL import Image

GRID = (160, 120)


def _blue(r, g, b):
    """Colour 1 of the text modes, and what Windows calls dark blue."""
    return r < 40 and g < 40 and 100 <= b <= 200


def _dark(r, g, b):
    return max(r, g, b) < 64


def _grey(r, g, b):
    """A button's face: 192, 192, 192 to 236, 233, 216"""
    return max(r, g, b) - min(r, g, b) <= 24 and 160 <= (r + g + b) / 3 <= 245


def _luna_bar(r, g, b):
    return b > r + 60 and b > g + 40


def _luna_button(r, g, b):
    return g > r + 20 and g > b + 20


def share(image, test):
    """How much of an image passes a test of r, g, b: 0 to 1"""
    colours = image.getcolors(image.width * image.height)
    return sum(n for n, rgb in colours if test(*rgb)) / (image.width * image.height)


class Picture:
    """A screenshot."""

    def __init__(self, path):
        with Image.open(path) as f:
            self.image = f.convert('RGB')
        self.width, self.height = self.image.size
        self.small = self.image.resize(GRID, Image.NEAREST)
        colours = self.small.getcolors(GRID[0] * GRID[1])
        self.most = max(n for n, _ in colours) / (GRID[0] * GRID[1])
        self.dark, self.blue = share(self.small, _dark), share(self.small, _blue)

    def is_blank(self):
        """One colour, but for a cursor."""
        return self.most > 0.995

    def is_blue(self):
        """Text mode setup, or a STOP screen."""
        return self.blue > 0.5

    def is_painted(self):
        """More than a splash screen on black."""
        return self.dark < 0.6 and not self.is_blank() and not self.is_blue()

    def _part(self, left, top, right, bottom):
        """In shares of the width and height"""
        w, h = self.width, self.height
        return self.image.crop((int(left * w), int(top * h),
                                max(int(right * w), int(left * w) + 1),
                                max(int(bottom * h), int(top * h) + 1)))

    def task_bar(self):
        """'luna', 'classic' or None. A bar is 30 (28) rows high, its button begins at the left."""
        above = self._part(0, 0, 1, 0.85)
        free, button = self._part(0.3, 0.965, 0.7, 0.99), self._part(0.005, 0.965, 0.09, 0.99)
        if share(free, _luna_bar) > 0.7 and share(button, _luna_button) > 0.35:
            return 'luna'
        if share(free, _grey) > 0.7 and share(above, _grey) < 0.6 and \
                share(button, _dark) > 0.02 and share(button, _grey) > 0.3:
            return 'classic'
        return None

    def __str__(self):
        return (f'{self.width}x{self.height}, dark {self.dark:.2f}, blue {self.blue:.2f}, '
                f'one colour {self.most:.2f}')
