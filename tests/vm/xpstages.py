# SPDX-License-Identifier: MIT
"""An installation, stage by stage: what is seen decides when one ends, and what went wrong.

See is what is known at one moment; Watch goes through a plan, which is a list of stages. A
stage ends with a restart of the machine, or with what its screen shows.
"""
import dataclasses
import os
import re
import time
import typing

import xpmedia
import xpscreen

GONE_SECONDS = 60    # a restart takes less
STUCK_SECONDS = 300  # a question is not answered by itself
STABLE = 3           # looks
MOST_BOOTS = 6
NUDGE_SECONDS = 60

# setup's boot sector asks it, in the CD's language, where the disk has an active partition
ANY_KEY = re.compile(r'(any key|Taste|touche|tecla|tasto|toets).*\bCD', re.I)
SETUP = re.compile(r'(Windows|ReactOS).{0,40}\bSetup\b|\bSetup\b.{0,40}Windows', re.S)
REACTOS = re.compile(r'ReactOS.*(Language Selection|Welcome to ReactOS Setup|F3 = Quit)', re.S)
QUESTION = re.compile(r'\b(ENTER|F8|F3) ?=')
FATAL = re.compile(
    r'Setup (did not find any hard|cannot |could not )|Line \d+ of the INF file|'
    r'(corrupt|missing|invalid)\b.*\n?.*\b(Setup|SIF|file)|NTLDR is |NTDETECT failed|'
    r'Disk error|Non-System disk|disk read error|No bootable device|STOP: ?(0x|c0)|'
    r'Press any key to (exit|restart|quit)|unexpected error|could not start because', re.I)


class Wrong(Exception):
    """The installation has failed."""


@dataclasses.dataclass
class See:
    """What is seen at one moment."""
    now: float
    boot: int             # how often the machine has started
    text: typing.Any      # None: no text mode
    picture: typing.Any   # an xpscreen.Picture, or None
    mark: bool            # the first logon has said so

    def lines(self):
        return [line.strip() for line in (self.text or '').splitlines() if line.strip()]

    def is_blue(self):
        return bool(self.picture) and self.picture.is_blue()

    def is_text_setup(self):
        """Its blue is enough: the words are any language's, some draw them."""
        return self.is_blue() or bool(self.text and SETUP.search(self.text))

    def is_graphical(self):
        return self.text is None and bool(self.picture) and self.picture.is_painted()

    def task_bar(self):
        return self.picture.task_bar() if self.is_graphical() else None


class Stage:
    """ends(see), and of its own what the stage presses, and what may not happen."""
    name, seconds = '', 0
    from_disk = False  # where a blue picture is a STOP screen

    def __init__(self, see):
        self.began, self.boot, self.seen, self.pressed = see.now, see.boot, 0, 0.0

    def restarted(self, see):
        return see.boot > self.boot

    def ends(self, see):
        raise NotImplementedError

    def key(self, _see):
        return None

    def late(self):
        """More about it, when its time is over."""
        return ''


class FromCd(Stage):
    """The CD starts. Only here its question for a key is answered."""
    name, seconds = 'cd', 900

    def ends(self, see):
        return see.is_text_setup()

    def key(self, see):
        lines = see.lines()
        return 'space' if lines and ANY_KEY.search(lines[-1]) else None


class ReactOs(FromCd):
    """The first screen of ReactOS' setup that waits for a person."""

    def ends(self, see):
        return bool(see.text and REACTOS.search(see.text))


class TextSetup(Stage):
    """Partitions, formats, copies, restarts."""
    name, seconds = 'text', 7200

    def ends(self, see):
        return self.restarted(see)


class GraphicalSetup(Stage):
    """From the disk: devices, registration; restarts."""
    name, seconds, from_disk = 'graphical', 14400, True

    def ends(self, see):
        if not self.restarted(see):
            self.seen += see.is_graphical()
            if see.text is not None and see.is_blue():
                raise Wrong('text mode setup has started again: the disk did not boot')
            return False
        if not self.seen:
            raise Wrong('the machine restarted before setup showed its graphical part')
        return True


class Desktop(Stage):
    """The first logon. A dialogue about the resolution may stand before it."""
    name, seconds, from_disk = 'desktop', 3600, True

    def __init__(self, see):
        super().__init__(see)
        self.mark = False

    def ends(self, see):
        self.mark = see.mark
        self.seen = self.seen + 1 if see.task_bar() else 0
        return self.seen >= STABLE

    def key(self, see):
        last = max(self.pressed, self.began + NUDGE_SECONDS)
        if see.is_graphical() and not self.seen and see.now - last >= NUDGE_SECONDS:
            self.pressed = see.now
            return 'enter'
        return None

    def late(self):
        return ('; the first logon has run its command, though: is the last picture a desktop?'
                if self.mark else '')


PLANS = {'windows': [FromCd, TextSetup, GraphicalSetup, Desktop], 'reactos': [ReactOs]}


class Watch:
    """Looks at a machine until the plan's last stage has ended; Wrong if one does not."""

    def __init__(self, machine, plan, out, patience=1.0, interval=5.0, secret=''):
        self.machine, self.plan, self.out = machine, plan, out
        self.patience, self.interval, self.secret = patience, interval, secret
        self.started, self.boot, self.domid, self.gone_at = time.monotonic(), 0, None, None
        self.stage, self.number = None, 0
        self.said, self.question_at, self.stops = '', 0.0, 0
        self.log = open(f'{out}/transcript', 'w', encoding='utf-8', buffering=1)

    def say(self, text, loud=True):
        if self.secret:
            text = text.replace(self.secret, '(key)')
        line = f'[{time.monotonic() - self.started:7.1f} s] {text}'
        print(line, file=self.log)
        if loud:
            print(line, flush=True)

    # ------------------------------------------------------------------- looking

    def _domain(self, now):
        domid = self.machine.domid()
        if domid is None:
            self.gone_at = self.gone_at or now
            if now - self.gone_at > GONE_SECONDS * self.patience:
                raise Wrong('the machine is gone: it powered off, or crashed')
            return
        if domid != self.domid or self.gone_at:
            self.boot += 1
            self.say(f'the machine starts, number {self.boot}')
        self.domid, self.gone_at = domid, None
        if self.boot > MOST_BOOTS:
            raise Wrong('the machine restarts again and again')

    def look(self):
        """A See; None: there is no machine at the moment."""
        now = time.monotonic()
        self._domain(now)
        if self.gone_at:
            return None
        picture, path = None, f'{self.out}/now.png'
        text = self.machine.text()
        if self.machine.shot(path):
            try:
                picture = xpscreen.Picture(path)
            except (OSError, SyntaxError) as e:  # PIL's words for a bad file
                raise Wrong(f'the screenshot is no picture: {e}') from e
        return See(now, self.boot, text, picture, xpmedia.MARK in self.machine.console())

    # ------------------------------------------------------------------- judging

    def _note(self, see):
        """Into the transcript, if it is new; numbers alone are not."""
        what = '\n'.join(see.lines()) if see.text is not None else f'picture {see.picture}'
        seen = re.sub(r'[\d.%]+', '#', what)
        if seen != self.said:
            self.said, self.question_at = seen, see.now
            self.say(f'{self.stage.name}: {what}', loud=False)

    def _wrong(self, see):
        if see.text and FATAL.search(see.text):
            raise Wrong('the screen says: ' + ' / '.join(see.lines()[-12:]))
        stuck = see.text and QUESTION.search(see.lines()[-1] if see.lines() else '')
        if stuck and see.now - self.question_at > STUCK_SECONDS * self.patience:
            raise Wrong('setup waits for a person: ' + ' / '.join(see.lines()[-12:]))
        is_stop = self.stage.from_disk and see.text is None and see.is_blue()
        self.stops = self.stops + 1 if is_stop else 0
        if self.stops >= STABLE:
            raise Wrong('a STOP screen; its words are in the picture')

    def _keep(self, see, name):
        """The last picture of a stage that shows something."""
        if not see.picture:
            return
        is_blank = see.picture.is_blank() and not see.lines()
        if is_blank and os.path.exists(f'{self.out}/{name}.png'):
            return
        os.replace(f'{self.out}/now.png', f'{self.out}/{name}.png')
        if see.text is not None:
            with open(f'{self.out}/{name}.txt', 'w', encoding='utf-8') as f:
                f.write(see.text.replace(self.secret, '(key)') if self.secret else see.text)

    def _step(self, see):
        """One look. True: the stage has ended."""
        self._note(see)
        if self.stage.ends(see):
            if self.number == len(self.plan):
                self._keep(see, f'{self.number}-{self.stage.name}')
            return True
        self._keep(see, f'{self.number}-{self.stage.name}')
        self._wrong(see)
        key = self.stage.key(see)
        if key:
            self.say(f'{self.stage.name}: presses {key}')
            self.machine.key(key)
        if see.now - self.stage.began > self.stage.seconds * self.patience:
            raise Wrong(f'not done within {self.stage.seconds * self.patience:.0f} s'
                        f'{self.stage.late()}')
        return False

    def _first(self):
        see = None
        while see is None:
            see = self.look()
            time.sleep(0 if see else self.interval)
        return see

    def run(self):
        see = self._first()
        for make in self.plan:
            self.number, self.stage = self.number + 1, make(see)
            self.say(f'stage {self.number}, {self.stage.name}: '
                     f'{self.stage.seconds * self.patience:.0f} s at most')
            try:
                while see is None or not self._step(see):
                    time.sleep(self.interval)
                    see = self.look()
            except Wrong as e:
                raise Wrong(f'stage {self.stage.name}: {e}') from e
            self.say(f'stage {self.number}, {self.stage.name}: done')

    def close(self):
        self.log.close()
        if os.path.exists(f'{self.out}/now.png'):
            os.unlink(f'{self.out}/now.png')
