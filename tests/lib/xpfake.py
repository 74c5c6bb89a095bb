# SPDX-License-Identifier: MIT
"""For tests of tests/vm/xp: pictures of Windows' screens, and a tandem that plays a scenario.

A scenario is a list of moments: dicts with domid, text, picture (a name of PICTURES) and
console; what one does not say is as before. Each `tandem domid` goes on to the next, and the
last stays. It notes its calls in FOLDER/calls.
"""
import json
import os

from PIL import Image, ImageDraw

LUNA, BUTTON, SETUP, STRIP = (36, 94, 219), (60, 140, 60), (90, 126, 220), (0, 48, 156)

FAKE = r'''#!/usr/bin/python3 -IS
import json, os, re, shutil, sys
folder, verb, args = os.path.dirname(os.path.abspath(sys.argv[0])), sys.argv[1], sys.argv[2:]
state = json.load(open(f'{folder}/state.json'))
with open(f'{folder}/calls', 'a') as f:
    f.write(' '.join(sys.argv[1:]) + '\n')
if 'XP_KEY' in os.environ:
    sys.exit('the key is in the environment of others')
if verb == 'create':
    if state['refuse']:
        sys.exit(state['refuse'])
    shutil.copy(args[0], f'{folder}/config')
    floppy = re.search(r'vdev=fda.*?target=([^\']+)', open(args[0]).read())
    if floppy:
        shutil.copy(floppy.group(1), f'{folder}/floppy')
    state['at'] = -1
if verb == 'trigger':
    state['off'] = True
if verb == 'domid' and state['at'] is not None:
    state['at'] = min(state['at'] + 1, len(state['moments']) - 1)
with open(f'{folder}/state.new', 'w') as f:
    json.dump(state, f)
os.rename(f'{folder}/state.new', f'{folder}/state.json')
now = {'domid': '1', 'text': None, 'picture': None, 'console': ''}
for moment in state['moments'][:(-1 if state['at'] is None else state['at']) + 1]:
    now.update(moment)
os.makedirs(os.environ['TANDEM_DIR'] + '/log', exist_ok=True)
with open(os.environ['TANDEM_DIR'] + '/log/xp.console', 'w') as f:
    f.write(now['console'])
if verb == 'domid':
    if state['off'] or not now['domid']:
        sys.exit('no such domain')
    print(now['domid'])
elif verb == 'screen-text':
    if now['text'] is None:
        sys.exit('it shows a picture')
    print(now['text'])
elif verb == 'screenshot':
    if not now['picture']:
        sys.exit('no screen')
    shutil.copy(f'{folder}/{now["picture"]}.png', args[1])
elif verb == 'vncviewer':
    print('127.0.0.1:5900')
'''
HVD = '''#!/bin/sh
echo $$ >"${0%/*}/hvd.pid"
exec sleep 600
'''


def _bar(image, face, button, text):
    """A task bar with its button, as XP lays them out"""
    w, h = image.size
    high, wide = max(30 * h // 600, 8) if h < 480 else 30, min(97, w // 7)
    d = ImageDraw.Draw(image)
    d.rectangle((0, h - high, w, h), fill=face)
    d.rectangle((0, h - high, wide, h), fill=button)
    for x in range(wide // 3, wide - 8, 7):
        d.line((x, h - high + high // 3, x, h - high // 3), fill=text, width=2)
    return image


def desktop(look, size=(800, 600)):
    if look == 'luna':
        image = Image.new('RGB', size, (90, 140, 230))
        ImageDraw.Draw(image).rectangle((0, size[1] * 3 // 5, *size), fill=(80, 160, 40))
        return _bar(image, LUNA, BUTTON, (255, 255, 255))
    return _bar(Image.new('RGB', size, (0, 128, 128)), (192, 192, 192), (192, 192, 192), (0, 0, 0))


def setup(size=(800, 600)):
    image = Image.new('RGB', size, SETUP)
    d = ImageDraw.Draw(image)
    d.rectangle((0, 0, size[0], size[1] // 10), fill=STRIP)
    d.rectangle((0, size[1] * 9 // 10, *size), fill=STRIP)
    return image


def splash():
    image = Image.new('RGB', (640, 480))
    ImageDraw.Draw(image).rectangle((220, 180, 420, 260), fill=(230, 120, 40))
    return image


def words(size, paper):
    image = Image.new('RGB', size, paper)
    d = ImageDraw.Draw(image)
    for y in range(20, size[1] // 2, 32):
        d.line((20, y, size[0] // 2, y), fill=(170, 170, 170), width=6)
    return image


PICTURES = {
    'black': lambda: Image.new('RGB', (720, 400)),
    'bios': lambda: words((720, 400), (0, 0, 0)),
    'textsetup': lambda: words((720, 400), (0, 0, 168)),
    'stop': lambda: words((640, 480), (0, 0, 128)),
    'splash': splash,
    'setup': setup,
    'luna': lambda: desktop('luna'),
    'classic': lambda: desktop('classic', (640, 480)),
}


def make_pictures(folder):
    for name, make in PICTURES.items():
        make().save(f'{folder}/{name}.png')


def install(folder, moments, refuse=''):
    """Writes the fakes; the environment that makes a program use them."""
    for name, text in (('tandem', FAKE), ('tandem-hvd', HVD)):
        with open(f'{folder}/{name}', 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(f'{folder}/{name}', 0o755)
    with open(f'{folder}/state.json', 'w', encoding='utf-8') as f:
        json.dump({'moments': moments, 'at': None, 'off': False, 'refuse': refuse}, f)
    return {'TANDEM': f'{folder}/tandem', 'TANDEM_HVD': f'{folder}/tandem-hvd'}
