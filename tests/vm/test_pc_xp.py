#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tests/vm/xp with a real PC of tandem's and a CD that shows what an installation of Windows
XP shows: the prompt for a key, the floppy, restarts, text and pictures, the word on COM1.
timeout: 400 s
"""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FIRMWARE = '/usr/share/seabios/bios-256k.bin'


def make_cd(folder):
    tree = f'{folder}/tree'
    os.makedirs(f'{tree}/I386')
    for name in ('I386/TXTSETUP.SIF', 'I386/SETUPLDR.BIN', 'WIN51'):
        with open(f'{tree}/{name}', 'w', encoding='ascii') as f:
            f.write('none\n')
    subprocess.run(['gcc', '-m32', '-c', '-o', f'{folder}/cd.o', f'{HERE}/xpcd.S'], check=True)
    subprocess.run(['ld', '-m', 'elf_i386', '-e', 'start', '-Ttext', '0x7c00', '--oformat',
                    'binary', '-o', f'{tree}/BOOT.BIN', f'{folder}/cd.o'], check=True)
    assert os.path.getsize(f'{tree}/BOOT.BIN') <= 2048
    subprocess.run(['xorriso', '-as', 'mkisofs', '-quiet', '-V', 'STANDIN', '-b', 'BOOT.BIN',
                    '-no-emul-boot', '-boot-load-size', '4', '-o', f'{folder}/cd.iso', tree],
                   check=True, stderr=subprocess.DEVNULL)
    return f'{folder}/cd.iso'


def run(folder):
    env = {**os.environ, 'XP_KEY': 'AAAAA-BBBBB-CCCCC-DDDDD-EEEEE', 'TMPDIR': folder}
    p = subprocess.run([f'{HERE}/xp', '--build', os.environ['VM_BUILD'], '--iso', make_cd(folder),
                        '--out', f'{folder}/out', '--hal', 'pic', '--memory', '64',
                        '--interval', '0.5', '--vnc', 'none'],
                       env=env, check=False, text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    print(p.stdout)
    for name in os.listdir(f'{folder}/out'):
        if name != 'disk.img':
            shutil.copy(f'{folder}/out/{name}', os.environ['VM_LOGS'])
    return p.returncode, p.stdout


def main():
    for tool in ('xorriso', 'mformat', 'gcc', 'ld'):
        if not shutil.which(tool):
            print(f'{tool} is not installed')
            return 77
    for path in ('/dev/kvm', FIRMWARE):
        if not os.access(path, os.R_OK):
            print(f'no {path}')
            return 77
    with tempfile.TemporaryDirectory() as folder:
        status, said = run(folder)
        if status:
            return status
        assert said.count('presses space') == 1, 'a key at a later start'
        assert 'the machine starts, number 3' in said
        names = sorted(n for n in os.listdir(f'{folder}/out') if n.endswith('.png'))
        assert names == ['1-cd.png', '2-text.png', '3-graphical.png', '4-desktop.png'], names
    return 0


if __name__ == '__main__':
    sys.exit(main())
