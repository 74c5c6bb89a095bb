# SPDX-License-Identifier: MIT
"""What an installation of Windows XP needs: a look at the CD, and the answers.

Setup reads its answers from A:\\WINNT.SIF when it starts from a CD. That file is an INF: a
percent sign begins a name of its [Strings], and nothing stands for a quote within quotes.
"""
import re
import subprocess

FLOPPY_BYTES = 1474560
MARK = 'TANDEM-DESKTOP'  # the first logon writes it to COM1
PASSWORD = 'tandem'
KEY = re.compile(r'[A-Z0-9]{5}(-[A-Z0-9]{5}){4}')

ANSWERS = r'''[Data]
AutoPartition=1
MsDosInitiated="0"
UnattendedInstall="Yes"
AutomaticUpdates=No

[Unattended]
UnattendMode=FullUnattended
UnattendSwitch=Yes
OemSkipEula=Yes
OemPreinstall=No
TargetPath=\WINDOWS
Repartition=Yes
WaitForReboot=No
Hibernation=No
DriverSigningPolicy=Ignore

[GuiUnattended]
AdminPassword="{password}"
EncryptedAdminPassword=No
AutoLogon=Yes
AutoLogonCount=1
OEMSkipRegional=1
OemSkipWelcome=1
TimeZone=85

[UserData]
ProductKey="{key}"
FullName="tandem"
OrgName="tandem"
ComputerName=TANDEM-XP

[Display]
BitsPerPel=32
XResolution=800
YResolution=600

[Identification]
JoinWorkgroup=WORKGROUP

[Networking]
InstallDefaultComponents=Yes

[GuiRunOnce]
Command0="cmd.exe /c echo {mark}>COM1"
'''


class Bad(Exception):
    """What the person gave is not right; says what would be."""


def answers(key):
    """The answer file, as bytes."""
    text = ANSWERS.format(key=key, password=PASSWORD, mark=MARK)
    return text.replace('\n', '\r\n').encode('ascii')


def floppy(path, key):
    """Makes a floppy image with the answer file; its text is in no other file."""
    for args, data in ((['mformat', '-C', '-f', '1440', '-i', path, '::'], None),
                       (['mcopy', '-i', path, '-', '::WINNT.SIF'], answers(key))):
        p = subprocess.run(args, input=data, check=False, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
        if p.returncode:
            raise Bad(f'{args[0]}: {p.stdout.decode(errors="replace").strip()}')


def _xorriso(path):
    """(volume id, names in the first two levels, upper case without versions)"""
    with open(path, 'rb') as f:
        f.seek(16 * 2048 + 1)
        if f.read(5) != b'CD001':
            return None, set()
    p = subprocess.run(['xorriso', '-no_rc', '-abort_on', 'FAILURE', '-indev', f'stdio:{path}',
                        '-pvd_info', '-find', '/', '-maxdepth', '2'], check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE)
    if p.returncode:
        return None, set()
    out = p.stdout.decode(errors='replace')
    volume = re.search(r'^Volume Id *: *(.*?) *$', out, re.M)
    names = re.findall(r"^'/?(.+?)(?:;1)?'$", out, re.M)
    return volume.group(1) if volume else '', {n.upper() for n in names}


def identify(path):
    """('windows' or 'reactos', words for it) of a CD image; Bad: neither."""
    volume, names = _xorriso(path)
    if volume is None:
        raise Bad(f'{path} is no CD image (ISO 9660)')
    if {'I386/TXTSETUP.SIF', 'I386/SETUPLDR.BIN', 'WIN51'} <= names:
        for tag, edition in (('WIN51IP', ' Professional'), ('WIN51IC', ' Home Edition')):
            if tag in names:
                return 'windows', f'Windows XP{edition}, {volume}'
        return 'windows', f'Windows of XP\'s family, {volume}'
    if 'REACTOS' in volume.upper() or 'LOADER/SETUPLDR.SYS' in names and 'REACTOS' in names:
        return 'reactos', f'ReactOS, {volume}'
    what = f'its name is {volume!r}'
    if 'SOURCES/BOOT.WIM' in names:
        what = 'it is a Windows that is newer than XP'
    elif 'I386/TXTSETUP.SIF' in names:
        what = 'it is a Windows that is older than XP'
    raise Bad(f'{path} is no installation CD of Windows XP, and none of ReactOS: {what}')
