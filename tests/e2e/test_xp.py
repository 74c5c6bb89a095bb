#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tests/vm/xp without a Windows: what it refuses, the floppy that it makes, what it takes
pictures for, and installations that a false tandem plays."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
XP = f'{ROOT}/tests/vm/xp'
sys.path[:0] = [f'{ROOT}/tests/vm', f'{ROOT}/tests/lib']
sys.dont_write_bytecode = True
for tool in ('mformat', 'mdir', 'mtype', 'xorriso'):
    if not shutil.which(tool):
        print(f'{tool} is not installed')
        sys.exit(77)
try:
    import xpfake
    import xpscreen
    import xpstages
except ImportError as e:
    print(e)
    sys.exit(77)

KEY = 'ABCDE-FGHIJ-KLMNP-QRSTU-VWXYZ'
ASKS = 'Booting from DVD/CD...\nPress any key to boot from CD..'
SETUP = 'Windows XP Professional Setup\n\n Setup is loading files (Kernel)...'
WINDOWS = ('I386/TXTSETUP.SIF', 'I386/SETUPLDR.BIN', 'WIN51', 'WIN51IP')


def text(words, shown='bios', **more):
    return {'text': words, 'picture': shown, **more}


def picture(name, **more):
    return {'text': None, 'picture': name, **more}


COPIES = [text(SETUP, 'textsetup'), text('Setup is copying files... 50%', 'textsetup')]
FIRST = [picture('black'), text('SeaBIOS'), text(ASKS), text(ASKS + '.'), *COPIES]
GRAPHICAL = [{'domid': ''}, text(ASKS, domid='2'), picture('splash'), picture('setup')]
SECOND = [picture('black', domid='3'), text(ASKS), picture('splash'), picture('setup')]


class Folder(unittest.TestCase):
    def setUp(self):
        tmp = tempfile.TemporaryDirectory()
        self.addCleanup(tmp.cleanup)
        self.dir, self.out = tmp.name, f'{tmp.name}/out'
        for d in ('tmp', 'fake'):
            os.mkdir(f'{self.dir}/{d}')
        self.fake = f'{self.dir}/fake'
        self.env = {**os.environ, 'TMPDIR': f'{self.dir}/tmp'}
        for name in ('XP_KEY', 'XP_ISO', 'TANDEM_DIR'):
            self.env.pop(name, None)

    def iso(self, volume='WXPVOL_EN', names=WINDOWS):
        path, tree = f'{self.dir}/{volume}.iso', tempfile.mkdtemp(dir=self.dir)
        for n in names:
            os.makedirs(os.path.dirname(f'{tree}/{n}'), exist_ok=True)
            with open(f'{tree}/{n}', 'w', encoding='ascii') as f:
                f.write(n)
        subprocess.run(['xorriso', '-as', 'mkisofs', '-quiet', '-V', volume, '-o', path, tree],
                       check=True, stderr=subprocess.DEVNULL)
        return path

    def xp(self, *args):
        """(status, what it says)"""
        p = subprocess.run([XP, *args], env=self.env, check=False, text=True, timeout=100,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
        return p.returncode, p.stdout

    def read(self, name):
        with open(name, encoding='utf-8', errors='replace') as f:
            return f.read()


class Refused(Folder):
    def refuses(self, status, words, *args):
        code, out = self.xp('--out', self.out, *args)
        self.assertEqual(code, status, out)
        self.assertIn(words, out)
        self.assertEqual(os.listdir(f'{self.dir}/tmp'), [])
        self.assertFalse(os.path.exists(self.out))

    def test_no_iso(self):
        self.refuses(77, 'no CD image')

    def test_arguments(self):
        self.refuses(2, 'invalid choice', '--hal', 'mps')
        self.refuses(2, '--memory: 64 to 3072', '--memory', '9')
        self.refuses(2, '--disk-size: 2 to 127', '--disk-size', '200')
        self.refuses(2, '--patience', '--patience', '0')
        self.refuses(2, 'is no file', '--iso', f'{self.dir}/none')
        self.refuses(2, 'is no file', '--iso', self.dir)

    def test_no_windows(self):
        self.refuses(2, 'is no CD image', '--iso', XP)
        self.refuses(2, "its name is 'DEBIAN'", '--iso', self.iso('DEBIAN', ['isolinux/a']))
        self.refuses(2, 'newer than XP', '--iso', self.iso('VISTA', ['sources/boot.wim']))
        self.refuses(2, 'older than XP', '--iso', self.iso('NT4', WINDOWS[:2]))

    def test_key(self):
        iso = self.iso()
        self.refuses(2, 'no product key', '--iso', iso)
        self.refuses(2, 'no product key: AAAAA', '--iso', iso, '--key', KEY[:-1])

    def test_quotes(self):
        self.refuses(2, '--port: quotes', '--iso', self.iso(), '--port', "a'b", '--key', KEY)

    def test_no_build(self):
        self.refuses(2, 'ninja -C', '--iso', self.iso(), '--key', KEY, '--build', self.dir)


class Played(Folder):
    """Installations by a tandem that is played."""

    def play(self, moments, *args, iso=None, refuse='', patience='1'):
        xpfake.make_pictures(self.fake)
        self.env.update(xpfake.install(self.fake, moments, refuse))
        status, out = self.xp('--iso', iso or self.iso(), '--out', self.out, '--interval', '0.01',
                              '--patience', patience, *args)
        self.assertEqual(os.listdir(f'{self.dir}/tmp'), [])
        with self.assertRaises(ProcessLookupError):
            os.kill(int(self.read(f'{self.fake}/hvd.pid')), 0)
        self.assertNotIn(KEY, out)
        return status, out

    def setUp(self):
        super().setUp()
        self.env['XP_KEY'] = KEY

    def calls(self, verb):
        return [c for c in self.read(f'{self.fake}/calls').split('\n') if c.startswith(verb)]

    def fails(self, moments, words, **more):
        status, out = self.play(moments, **more)
        self.assertEqual(status, 1, out)
        self.assertRegex(out, words)
        self.assertEqual(self.calls('destroy')[-1:], ['destroy xp'])
        self.assertIn('failed: ', self.read(f'{self.out}/transcript'))

    def test_installs(self):
        status, out = self.play([*FIRST, *GRAPHICAL, *SECOND, picture('luna')])
        self.assertEqual(status, 0, out)
        self.assertRegex(out, r'(?s)the machine starts, number 3.*it shut down.*the desktop is')
        # only at the first start
        self.assertEqual(self.calls('send-key'), ['send-key xp space'] * 2)
        names = [f'{i}-{n}' for i, n in enumerate(('cd', 'text', 'graphical', 'desktop'), 1)]
        files = ['disk.img', 'transcript', '1-cd.txt', '2-text.txt', '3-graphical.txt',
                 '4-desktop.txt', *(n + '.png' for n in names)]
        self.assertEqual(sorted(os.listdir(self.out)), sorted(files))
        for name, shows in zip(names, ('bios', 'textsetup', 'setup', 'luna')):
            with open(f'{self.out}/{name}.png', 'rb') as a, \
                    open(f'{self.fake}/{shows}.png', 'rb') as b:
                self.assertEqual(a.read(), b.read(), name)
        for f in files:
            if f != 'disk.img':
                self.assertNotIn(KEY, self.read(f'{self.out}/{f}'))
        self.assertNotIn(KEY, self.read(f'{self.fake}/calls'))
        disk = os.stat(f'{self.out}/disk.img')
        self.assertEqual((disk.st_size, disk.st_blocks, disk.st_mode & 0o77), (8 << 30, 0, 0))
        self.assertIn('Setup is copying files', self.read(f'{self.out}/transcript'))

    def test_config(self):
        for i, (args, want) in enumerate((
                ([], {'acpi': '1', 'apic': '1', 'memory': '512', 'localtime': '1',
                      'boot': '"dc"', 'on_reboot': '"restart"', 'vnc': '1',
                      'vif': "['model=rtl8139,port=sink']"}),
                (['--hal', 'acpi', '--nic', 'pcnet', '--port', 'tap:t0', '--vnc', 'none'],
                 {'acpi': '1', 'apic': '0', 'vnc': '0', 'vif': "['model=pcnet,port=tap:t0']"}),
                (['--hal', 'pic', '--memory', '256', '--disk-size', '3'],
                 {'acpi': '0', 'apic': '0', 'memory': '256'}))):
            self.out = f'{self.dir}/out{i}'
            self.play([text('No bootable device.')], *args)
            config = dict(re.findall(r'(?m)^(\w+) = (.*)$', self.read(f'{self.fake}/config')))
            self.assertEqual({**config, **want}, config)
            self.assertRegex(config['disk'], "^\\['format=raw,vdev=hda,access=rw,target=.*', "
                             "'format=raw,vdev=hdc,devtype=cdrom,access=ro,target=.*', "
                             "'format=raw,vdev=fda,access=ro,target=.*'\\]$")
        self.assertEqual(os.stat(f'{self.out}/disk.img').st_size, 3 << 30)

    def test_floppy(self):
        """A foreign reader finds the answers on it."""
        self.play([text('No bootable device.')])
        image = f'{self.fake}/floppy'
        self.assertEqual(os.path.getsize(image), 1474560)
        listing = subprocess.run(['mdir', '-b', '-i', image, '::'], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
        self.assertEqual(listing.split(), ['::/WINNT.SIF'])
        data = subprocess.run(['mtype', '-i', image, '::WINNT.SIF'], check=True,
                              stdout=subprocess.PIPE).stdout.decode('ascii')
        self.assertNotIn('%', data)
        self.assertFalse(re.search('(?<!\r)\n', data))
        lines = data.split('\r\n')
        for line in lines:
            self.assertRegex(line, r'^(|\[\w+\]|\w+=[^"]+|\w+="[^"]+")$')
        for line in ('UnattendMode=FullUnattended', 'OemSkipEula=Yes', 'Repartition=Yes',
                     f'ProductKey="{KEY}"', 'AutoLogon=Yes',
                     'Command0="cmd.exe /c echo TANDEM-DESKTOP>COM1"'):
            self.assertIn(line, lines)

    def test_classic(self):
        status, out = self.play([*COPIES, *GRAPHICAL, *SECOND, picture('classic')], '--hal', 'pic')
        self.assertEqual(status, 0, out)
        self.assertEqual(self.calls('send-key'), [])
        self.assertEqual(self.calls('trigger'), [])

    def test_german(self):
        asks = 'Drücken Sie eine beliebige Taste, um von CD zu starten...'
        status, out = self.play([text(asks), *COPIES, *GRAPHICAL, *SECOND, picture('luna')])
        self.assertEqual(status, 0, out)
        self.assertEqual(self.calls('send-key'), ['send-key xp space'])

    def test_reactos(self):
        iso = self.iso('REACTOS', ['reactos/a', 'loader/setupldr.sys'])
        screen = 'ReactOS 0.4.14 Setup\n\n Language Selection\n ENTER = Continue  F3 = Quit'
        del self.env['XP_KEY']
        status, out = self.play([text(ASKS), text('Loading'), text(screen, 'textsetup')], iso=iso)
        self.assertEqual(status, 0, out)
        self.assertNotIn('fda', self.read(f'{self.fake}/config'))
        self.assertTrue(os.path.exists(f'{self.out}/1-cd.png'))

    def test_answers_refused(self):
        self.fails([*FIRST, text('Line 12 of the INF file \\winnt.sif is invalid\n'
                                 'Setup cannot continue. Press any key to exit.')],
                   'stage text: the screen says: Line 12')

    def test_no_restart(self):
        self.fails(COPIES, 'stage text: not done within 7 s', patience='0.001')

    def test_never_starts(self):
        self.fails([picture('black')], 'stage cd: not done within 1 s', patience='0.001')

    def test_question(self):
        self.fails([*FIRST, text('Setup has no answer\nENTER=Continue  F3=Quit', 'textsetup')],
                   'waits for a person: .*Setup has no answer', patience='0.01')

    def test_disk_does_not_boot(self):
        self.fails([*FIRST, text(SETUP, 'textsetup', domid='2')], 'stage graphical: text mode')

    def test_restarts(self):
        self.fails([*FIRST, picture('splash', domid='2'), picture('splash', domid='3')],
                   'before setup showed its graphical part')
        shutil.rmtree(self.out)
        self.fails([*FIRST, *GRAPHICAL, *(picture('splash', domid=str(i)) for i in range(3, 9))],
                   'again and again')

    def test_stop(self):
        self.fails([*FIRST, *GRAPHICAL, *SECOND, picture('stop')], 'stage desktop: a STOP screen')

    def test_gone(self):
        self.fails([*FIRST, {'domid': ''}], 'stage text: the machine is gone', patience='0.01')

    def test_unknown_desktop(self):
        self.fails([*COPIES, *GRAPHICAL, *SECOND, picture('setup', console='TANDEM-DESKTOP\r\n')],
                   'the first logon has run its command, though', patience='0.001')

    def test_desktop_goes_away(self):
        """One look is not enough."""
        flicker = [picture('luna'), picture('luna'), picture('splash')]
        self.fails([*COPIES, *GRAPHICAL, *SECOND, *flicker], 'stage desktop: not done',
                   patience='0.001')

    def test_refused_by_tandem(self):
        status, out = self.play([], refuse='no KVM here')
        self.assertEqual(status, 2 if os.path.exists('/dev/kvm') else 77, out)
        self.assertIn('no KVM here', out)
        self.assertEqual(os.listdir(self.out), [])

    def test_disk_is_there(self):
        os.mkdir(self.out)
        with open(f'{self.out}/disk.img', 'w', encoding='ascii') as f:
            f.write('somebody')
        status, out = self.play([])
        self.assertEqual(status, 2)
        self.assertIn('is there already', out)
        self.assertEqual(self.read(f'{self.out}/disk.img'), 'somebody')

    def test_interrupted(self):
        xpfake.make_pictures(self.fake)
        self.env.update(xpfake.install(self.fake, FIRST))
        for sig, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            shutil.rmtree(self.out, ignore_errors=True)
            with subprocess.Popen([XP, '--iso', self.iso(), '--out', self.out, '--interval',
                                   '0.01'], env=self.env, stdout=subprocess.DEVNULL) as p:
                for _ in range(1500):
                    if os.path.exists(f'{self.out}/2-text.png'):
                        break
                    time.sleep(0.02)
                p.send_signal(sig)
                self.assertEqual(p.wait(30), status)
            self.assertEqual(self.calls('destroy')[-1:], ['destroy xp'])
            self.assertEqual(os.listdir(f'{self.dir}/tmp'), [])
            with self.assertRaises(ProcessLookupError):
                os.kill(int(self.read(f'{self.fake}/hvd.pid')), 0)


class Pictures(Folder):
    def seen(self, image):
        image.save(f'{self.dir}/p.png')
        return xpscreen.Picture(f'{self.dir}/p.png')

    def test_task_bars(self):
        for size in ((320, 200), (640, 400), (640, 480), (800, 600), (1024, 768)):
            for look in ('luna', 'classic'):
                with self.subTest(look=look, size=size):
                    self.assertEqual(self.seen(xpfake.desktop(look, size)).task_bar(), look)
            self.assertIsNone(self.seen(xpfake.setup(size)).task_bar(), size)

    def test_kinds(self):
        want = {'black': 'blank', 'bios': '', 'textsetup': 'blue', 'stop': 'blue', 'splash': '',
                'setup': 'painted', 'luna': 'painted', 'classic': 'painted'}
        for name, make in xpfake.PICTURES.items():
            p = self.seen(make())
            kinds = [k for k in ('blank', 'blue', 'painted') if getattr(p, f'is_{k}')()]
            self.assertEqual(' '.join(kinds), want[name], name)
            self.assertEqual(p.task_bar(), name if name in ('luna', 'classic') else None)

    def test_grey_is_no_desktop(self):
        """Neither a dialogue as large as the screen nor an empty grey one"""
        for size in ((640, 480), (800, 600)):
            grey = xpfake.words(size, (212, 208, 200))
            self.assertIsNone(self.seen(grey).task_bar())

    def test_nudge(self):
        """A dialogue before the desktop gets enter, a minute apart; a desktop does not."""
        def see(now, name):
            return xpstages.See(now, 3, None, self.seen(xpfake.PICTURES[name]()), False)
        stage = xpstages.Desktop(see(0, 'setup'))
        pressed = [now for now in range(0, 400, 10) if stage.key(see(now, 'setup'))]
        self.assertEqual(pressed, [120, 180, 240, 300, 360])
        stage.ends(see(500, 'luna'))
        self.assertIsNone(stage.key(see(500, 'luna')))
        self.assertIsNone(stage.key(see(900, 'black')))


if __name__ == '__main__':
    unittest.main()
