# SPDX-License-Identifier: MIT
"""What is booted: kernels as ELF files, initramfs archives, a root file system.

All stand in one directory of the build. Each has a key of what it was made from
beside it, and is made again when that changes; nothing needs root.
"""
import glob
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# the host must have 9p (the cloud kernels lack it) and CONFIG_KVM_XEN (6.1 lacks it)
HOST = 'linux-image-6.12-amd64'
GUESTS = {'6.12': 'linux-image-6.12-cloud-amd64', '6.1': 'linux-image-cloud-amd64'}
HOST_MODULES = ['9pnet_virtio', '9p', 'overlay', 'kvm_amd', 'kvm_intel', 'tun', 'bridge',
                'veth', 'loop', 'ext4', 'crc32c_generic']
GUEST_MODULES = {
    # what a guest always loads, and what one with "backends" on its command line does
    'front': ['xen_blkfront', 'xen_netfront', 'xen_evtchn', 'xen_gntdev', 'xen_gntalloc',
              'xen_privcmd', 'xenfs', 'virtio_pci', 'virtio_blk', 'virtio_net'],
    'back': ['xen_blkback', 'xen_netback', 'bridge', 'loop'],
}

# what a guest's root file system has besides busybox
GUEST_PROGRAMS = ['fio', 'iperf3']
ROOT_SIZE = '256M'


def decompress(data, name):
    """The payload of a kernel image, by its magic."""
    if data.startswith(b'\xfd7zXZ'):
        return lzma.LZMADecompressor().decompress(data)
    for magic, cmd in ((b'\x28\xb5\x2f\xfd', 'zstd'), (b'\x02\x21\x4c\x18', 'lz4'),
                       (b'\x1f\x8b', 'gzip')):
        if data.startswith(magic):
            # the four bytes behind the payload are its size: what follows is ignored
            return subprocess.run([cmd, '-dc'], input=data, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    raise ValueError(f'{name}: a compression that is not known: {data[:6].hex()}')


def vmlinux_of(bzimage):
    """The ELF kernel inside a bzImage (Linux' x86 boot protocol, 2.08)."""
    with open(bzimage, 'rb') as f:
        d = f.read()
    if d[0x202:0x206] != b'HdrS':
        raise ValueError(f'{bzimage}: no bzImage')
    start = ((d[0x1f1] or 4) + 1) * 512
    offset, length = struct.unpack_from('<II', d, 0x248)
    elf = decompress(d[start + offset:start + offset + length], bzimage)
    if elf[:4] != b'\x7fELF':
        raise ValueError(f'{bzimage}: its payload is no ELF file')
    return elf


class Cpio:
    """An initramfs archive in the making (the "newc" form)."""

    def __init__(self):
        self.out, self.inode, self.dirs = bytearray(), 0, set()

    def _add(self, name, mode, data=b'', rdev=(0, 0)):
        self.inode += 1
        raw = name.encode() + b'\0'
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(raw), 0)
        for part in (b'070701' + b''.join(b'%08X' % f for f in fields) + raw, data):
            self.out += part
            self.out += b'\0' * (-len(self.out) % 4)

    def directory(self, name):
        parent = os.path.dirname(name)
        if parent:
            self.directory(parent)
        if name not in self.dirs:
            self.dirs.add(name)
            self._add(name, 0o40755)

    def file(self, name, data, mode=0o755):
        self.directory(os.path.dirname(name) or 'tmp')
        self._add(name, 0o100000 | mode, data)

    def console(self):
        """What the kernel opens for /init before devtmpfs is mounted."""
        self.directory('dev')
        self._add('dev/console', 0o20600, rdev=(5, 1))

    def end(self):
        self._add('TRAILER!!!', 0)
        return bytes(self.out)


class Modules:
    """The modules of an unpacked kernel package, uncompressed, in loading order."""

    def __init__(self, tree):
        self.paths = {}
        for f in glob.glob(f'{tree}/**/*.ko*', recursive=True):
            self.paths[re.sub(r'\.ko.*', '', os.path.basename(f)).replace('-', '_')] = f

    def _read(self, name):
        with open(self.paths[name], 'rb') as f:
            data = f.read()
        return lzma.decompress(data) if self.paths[name].endswith('.xz') else data

    def closure(self, names, done=()):
        """{name: bytes} of `names` and what they depend on; one that this kernel has
        built in, or has not at all, is left out."""
        out = {}

        def add(name):
            if name in out or name in done or name not in self.paths:
                return
            data = self._read(name)
            for dep in re.search(rb'\0depends=([^\0]*)\0', data).group(1).decode().split(','):
                add(dep.replace('-', '_'))
            out[name] = data
        for n in names:
            add(n)
        return out


def script(name):
    with open(os.path.join(HERE, name), 'rb') as f:
        return f.read()


def libraries(program):
    """The files that the dynamic `program` loads, its loader too."""
    out = subprocess.run(['ldd', program], check=False, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL).stdout
    return re.findall(r'(/\S+) \(0x', out)


class Images:
    """The images of one build directory; `unpacked` fetches packages by name."""

    def __init__(self, folder, unpacked):
        self.folder, self.unpacked = folder, unpacked
        os.makedirs(folder, exist_ok=True)

    def _make(self, name, inputs, make):
        """FOLDER/NAME, unless it is there already, made from the same inputs by the same
        code. make(path) writes the file there, or returns what belongs in it."""
        path = os.path.join(self.folder, name)
        h = hashlib.sha256(script('images.py'))
        for i in inputs:
            h.update(i if isinstance(i, bytes) else str(i).encode())
        key = h.hexdigest()
        try:
            with open(path + '.key', encoding='utf-8') as f:
                if f.read() == key and os.path.exists(path):
                    return path
        except OSError:
            pass
        data = make(path + '.new')
        if data is not None:
            with open(path + '.new', 'wb') as f:
                f.write(data)
        os.rename(path + '.new', path)
        with open(path + '.key', 'w', encoding='utf-8') as f:
            f.write(key)
        return path

    def busybox(self):
        tree = self.unpacked('busybox-static')
        with open(next(p for p in (f'{tree}/bin/busybox', f'{tree}/usr/bin/busybox')
                       if os.path.exists(p)), 'rb') as f:
            return f.read()

    def vmlinux(self, name, package):
        tree = self.unpacked(package)
        bz = glob.glob(f'{tree}/boot/vmlinuz-*')[0]
        return self._make(f'vmlinux-{name}', [tree], lambda _: vmlinux_of(bz))

    def bzimage(self, name, package):
        tree = self.unpacked(package)
        bz = glob.glob(f'{tree}/boot/vmlinuz-*')[0]
        return self._make(f'bzImage-{name}', [tree], lambda path: shutil.copy(bz, path) and None)

    def _initrd(self, init, tree, groups, busybox=None):
        cpio, modules, done = Cpio(), Modules(tree), {}
        cpio.console()
        for d in ('bin', 'proc', 'sys', 'tmp', 'run', 'mnt'):
            cpio.directory(d)
        cpio.file('bin/busybox', busybox or self.busybox())
        cpio.file('init', script(init))
        cpio.file('bin/guest-run', script('guest-run'))
        for group, names in groups.items():
            new = modules.closure(names, done)
            for i, (name, data) in enumerate(new.items()):
                cpio.file(f'modules/{group}/{i:02}-{name}.ko', data, 0o644)
            done.update(new)
        return cpio.end()

    def host_initrd(self):
        tree = self.unpacked(HOST)
        return self._make('host.cpio', [tree, script('host-init')],
                          lambda _: self._initrd('host-init', tree, {'host': HOST_MODULES}))

    def guest_initrd(self, name):
        tree = self.unpacked(GUESTS[name])
        return self._make(f'guest-{name}.cpio', [tree, script('guest-init'), script('guest-run')],
                          lambda _: self._initrd('guest-init', tree, GUEST_MODULES))

    def _fill_root(self, top, programs, busybox):
        """A root file system's files: busybox under all its names, the programs, and
        their libraries where they stand on this machine."""
        for d in ('bin', 'sbin', 'usr/bin', 'dev', 'proc', 'sys', 'run', 'tmp', 'etc'):
            os.makedirs(f'{top}/{d}')
        with open(f'{top}/bin/busybox', 'wb') as f:
            f.write(busybox)
        os.chmod(f'{top}/bin/busybox', 0o755)
        names = subprocess.run([f'{top}/bin/busybox', '--list'], check=True, text=True,
                               stdout=subprocess.PIPE).stdout.split()
        for n in names:
            if n != 'busybox':
                os.symlink('busybox', f'{top}/bin/{n}')
        shutil.copy(os.path.join(HERE, 'guest-run'), f'{top}/sbin/init')
        for p in programs:
            shutil.copy(p, f'{top}/usr/bin/')
            for lib in libraries(p):
                os.makedirs(top + os.path.dirname(lib), exist_ok=True)
                shutil.copy(lib, top + lib)

    def root(self):
        """root.ext4: busybox, fio and iperf3; its /sbin/init is guest-run."""
        programs = [p for p in map(shutil.which, GUEST_PROGRAMS) if p]
        files = sorted({f for p in programs for f in [p, *libraries(p)]})
        state = [(f, os.stat(f).st_size, os.stat(f).st_mtime) for f in files]
        busybox = self.busybox()

        def make(path):
            with tempfile.TemporaryDirectory(dir=self.folder) as work:
                self._fill_root(f'{work}/root', programs, busybox)
                subprocess.run(['/sbin/mkfs.ext4', '-q', '-F', '-b', '4096', '-d', f'{work}/root',
                                '-E', 'root_owner=0:0', '-L', 'root', path, ROOT_SIZE],
                               check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return self._make('root.ext4', [busybox, script('guest-run'), state], make)

    def guests(self):
        """Everything that tests boot inside: see docs/HACKING.md."""
        self.root()
        for name, package in GUESTS.items():
            self.vmlinux(name, package)
            self.bzimage(name, package)
            self.guest_initrd(name)
