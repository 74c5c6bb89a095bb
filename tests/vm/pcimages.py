# SPDX-License-Identifier: MIT
"""What the emulated PC boots: firmware, CDs, floppies, a disk, all of Debian's packages.

Programs that make them (xorriso, grub-mkimage) are unpacked, too, not installed. They are
the same whenever they are made, but for the times of the disk's files.
"""
import glob
import os
import shutil
import struct
import subprocess
import tempfile

import images

I386 = 'linux-image-686:i386'
PC_MODULES = ['ata_piix', 'sd_mod', 'sr_mod', 'isofs', 'ext4', 'crc32c_generic', '8139too',
              '8139cp', 'pcnet32', 'e1000', 'psmouse', 'evdev']
# made for the emulated disk: Debian's programs, and what they load
USERLAND = ['libc6', 'dash', 'coreutils', 'libacl1', 'libattr1', 'libgmp10', 'libselinux1',
            'libpcre2-8-0']
CD_TOOL = ['xorriso', 'libisoburn1', 'libisofs6', 'libburn4', 'libjte2']
GRUB_TOOL = ['grub-common', 'libdevmapper1.02.1']
COPIES = {  # image: package, file
    'bios-256k.bin': ('seabios', 'usr/share/seabios/bios-256k.bin'),
    'bios.bin': ('seabios', 'usr/share/seabios/bios.bin'),
    'vgabios-stdvga.bin': ('seabios', 'usr/share/seabios/vgabios-stdvga.bin'),
    'grub-floppy.img': ('grub-rescue-pc', 'usr/lib/grub-rescue/grub-rescue-floppy.img'),
    'grub-rescue.iso': ('grub-rescue-pc', 'usr/lib/grub-rescue/grub-rescue-cdrom.iso'),
    'memtest-x64.iso': ('memtest86+', 'usr/lib/memtest86+/memtest86+x64.iso'),
    'memtest-ia32.iso': ('memtest86+', 'usr/lib/memtest86+/memtest86+ia32.iso'),
    'ipxe.iso': ('ipxe', 'usr/lib/ipxe/ipxe.iso'),
    'ipxe.lkrn': ('ipxe', 'boot/ipxe.lkrn'),
    'pxe-rtl8139.rom': ('ipxe-qemu', 'usr/lib/ipxe/qemu/pxe-rtl8139.rom'),
    'pxe-pcnet.rom': ('ipxe-qemu', 'usr/lib/ipxe/qemu/pxe-pcnet.rom'),
    'pxe-e1000.rom': ('ipxe-qemu', 'usr/lib/ipxe/qemu/pxe-e1000.rom'),
}
DATE = '1700000000'
UUID = '7a6e64c2-0000-4000-8000-746e646d7063'
DISK_START, DISK_MIB = 2048, 256
# COM1 last: /dev/console is there. Words behind a label are added to these.
WORDS = 'console=tty0 console=ttyS0,115200 panic=-1 nokaslr mitigations=off pc script'
PIC = 'acpi=off noapic nolapic'

ISOLINUX = f'''serial 0 115200
prompt 1
timeout 100
default acpi
label acpi
  kernel /vmlinuz
  append initrd=/initrd {WORDS}
label pic
  kernel /vmlinuz
  append initrd=/initrd {WORDS} {PIC}
'''
TOOLS = '''serial 0 115200
prompt 1
say the tools of this disc: hdt, pcitest, invaders
label hdt
  com32 hdt.c32
label pcitest
  com32 pcitest.c32
label invaders
  com32 mboot.c32
  append /invaders
'''
SERIAL = '''serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
'''
GRUB_CD = SERIAL + '''set timeout=-1
menuentry invaders { multiboot /invaders }
menuentry memtest { linux /memtest console=ttyS0,115200 }
'''
GRUB_DISK = SERIAL + f'''set timeout=5
menuentry acpi {{
  linux /boot/vmlinuz root=LABEL=pc-root {WORDS}
  initrd /boot/initrd
}}
menuentry pic {{
  linux /boot/vmlinuz root=LABEL=pc-root {WORDS} {PIC}
  initrd /boot/initrd
}}
'''


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data)


def read(path):
    with open(path, 'rb') as f:
        return f.read()


class PcImages(images.Images):
    """The emulated PC's images, beside the others'."""

    def _make(self, name, inputs, make):
        return super()._make(name, [images.script('pcimages.py'), *inputs], make)

    def _file(self, package, pattern):
        return glob.glob(f'{self.unpacked(package)}/{pattern}')[0]

    def _tool(self, packages, name, *args):
        """Runs a program of the first package with the libraries of all."""
        trees = [self.unpacked(p) for p in packages]
        libs = ':'.join(f'{t}/{d}/x86_64-linux-gnu' for t in trees for d in ('lib', 'usr/lib'))
        p = subprocess.run([f'{trees[0]}/usr/bin/{name}', *args], check=False, text=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE,
                           env={**os.environ, 'LD_LIBRARY_PATH': libs, 'SOURCE_DATE_EPOCH': DATE})
        if p.returncode:
            raise ValueError(f'{name}: status {p.returncode}: {p.stderr}')

    def _cd(self, path, files, boot, *options):
        """A CD of {name: bytes}, booted from the file `boot`, without emulation."""
        with tempfile.TemporaryDirectory(dir=self.folder) as work:
            for name, data in files.items():
                write(f'{work}/cd/{name}', data)
            for top, _, names in os.walk(f'{work}/cd', topdown=False):
                for n in [os.path.join(top, n) for n in names] + [top]:
                    os.utime(n, (int(DATE), int(DATE)))
            self._tool(CD_TOOL, 'xorriso', '-as', 'mkisofs', '-quiet',
                       '-R', '-J', '-o', path, '-b', boot, '-no-emul-boot',
                       '-boot-load-size', '4', '-boot-info-table', *options, f'{work}/cd')

    def _isolinux(self, name, config, files, modules=()):
        """A CD that isolinux boots."""
        core = self._file('isolinux', 'usr/lib/ISOLINUX/isolinux.bin')
        bios = self._file('syslinux-common', 'usr/lib/syslinux/modules/bios')
        parts = {'isolinux/isolinux.cfg': config.encode(), 'isolinux/isolinux.bin': read(core)}
        for m in ('ldlinux', *modules):
            parts[f'isolinux/{m}.c32'] = read(f'{bios}/{m}.c32')
        parts.update(files)
        return self._make(name, [*parts.values()], lambda path: self._cd(
            path, parts, 'isolinux/isolinux.bin', '-c', 'isolinux/boot.cat'))

    def _grub_core(self, path, kind, prefix, modules):
        self._tool(GRUB_TOOL, 'grub-mkimage', '-O', kind, '-o', path, '-p', prefix,
                   '-d', self._file('grub-pc-bin', 'usr/lib/grub/i386-pc'), *modules.split())

    def grub_cd(self):
        """grub.iso: a menu with grub-invaders and memtest86+."""
        invaders = self._file('grub-invaders', 'boot/invaders.exec')
        memtest = self._file('memtest86+', 'boot/memtest86+x64.bin')

        def make(path):
            core = path + '.core'
            self._grub_core(core, 'i386-pc-eltorito', '/boot/grub', 'biosdisk iso9660 normal '
                            'multiboot linux serial terminal echo configfile')
            files = {'boot/grub/core.img': read(core), 'invaders': read(invaders),
                     'boot/grub/grub.cfg': GRUB_CD.encode(), 'memtest': read(memtest)}
            os.unlink(core)
            self._cd(path, files, 'boot/grub/core.img')
        return self._make('grub.iso', [invaders, memtest, self.unpacked('grub-pc-bin')], make)

    def pc_initrd(self, name, package, busybox):
        """guest-init's archive for a PC: Xen's frontends are in it where the kernel has them."""
        tree = self.unpacked(package)
        return self._make(
            f'{name}.cpio', [tree, busybox, images.script('guest-init'), images.script('guest-run')],
            lambda _: self._initrd('guest-init', tree, {
                'front': images.GUEST_MODULES['front'], 'pc': PC_MODULES,
                'floppy': ['floppy', 'vfat', 'nls_cp437', 'nls_ascii']}, busybox))

    def linux_cd(self, name, package, busybox):
        """NAME.iso: Debian's kernel and an initramfs; at its prompt, acpi or pic."""
        bz = self._file(package, 'boot/vmlinuz-*')
        self._make(f'{name}.vmlinuz', [bz], lambda path: shutil.copy(bz, path) and None)
        kernel, initrd = read(bz), read(self.pc_initrd(name, package, busybox))
        return self._isolinux(f'{name}.iso', ISOLINUX, {'vmlinuz': kernel, 'initrd': initrd})

    def _userland(self, top, busybox):
        """Debian's own programs, and busybox for what they lack."""
        for d in ('dev', 'proc', 'sys', 'run', 'tmp', 'mnt', 'etc', 'sbin', 'boot/grub'):
            os.makedirs(f'{top}/{d}')
        for package in USERLAND:
            tree = self.unpacked(f'{package}:i386')
            for d in ('bin', 'lib', 'usr/bin', 'usr/lib'):
                if os.path.isdir(f'{tree}/{d}'):
                    shutil.copytree(f'{tree}/{d}', f'{top}/{d}', symlinks=True,
                                    dirs_exist_ok=True,
                                    ignore=shutil.ignore_patterns('gconv', 'audit'))
        write(f'{top}/bin/busybox', busybox)
        os.chmod(f'{top}/bin/busybox', 0o755)
        for n in subprocess.run([f'{top}/bin/busybox', '--list'], check=True, text=True,
                                stdout=subprocess.PIPE).stdout.split():
            if not any(os.path.lexists(f'{top}/{d}/{n}') for d in ('bin', 'usr/bin')):
                os.symlink('busybox', f'{top}/bin/{n}')
        shutil.copy(os.path.join(images.HERE, 'guest-run'), f'{top}/sbin/init')

    def _file_system(self, path, kernel, initrd, busybox):
        with tempfile.TemporaryDirectory(dir=self.folder) as work:
            self._userland(f'{work}/root', busybox)
            shutil.copy(kernel, f'{work}/root/boot/vmlinuz')
            shutil.copy(initrd, f'{work}/root/boot/initrd')
            write(f'{work}/root/boot/grub/grub.cfg', GRUB_DISK.encode())
            subprocess.run(['/sbin/mkfs.ext4', '-q', '-F', '-b', '4096', '-d', f'{work}/root',
                            '-L', 'pc-root', '-U', UUID, '-E', f'root_owner=0:0,hash_seed={UUID}', path,
                            f'{DISK_MIB - DISK_START // 2048}M'],
                           check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           env={**os.environ, 'E2FSPROGS_FAKE_TIME': DATE})

    def _disk(self, path, kernel, initrd, busybox):
        """GRUB's boot sector, its core behind that, and one partition."""
        fs, core = path + '.fs', path + '.core'
        try:
            self._file_system(fs, kernel, initrd, busybox)
            self._grub_core(core, 'i386-pc', '(hd0,msdos1)/boot/grub', 'biosdisk part_msdos ext2 '
                            'normal linux serial terminal echo configfile')
            boot = bytearray(read(self._file('grub-pc-bin', 'usr/lib/grub/i386-pc/boot.img')))
            # a signature, and one active partition; its sectors are counted, not cylinders. The
            # rest of the table is what would look for a floppy
            struct.pack_into('<IHB3sB3sII48x', boot, 440, 0x746e646d, 0, 0x80, b'\xfe\xff\xff', 0x83,
                             b'\xfe\xff\xff', DISK_START, DISK_MIB * 2048 - DISK_START)
            if os.path.getsize(core) > (DISK_START - 1) * 512:
                raise ValueError('GRUB does not fit before the first partition')
            with open(path, 'wb') as disk, open(fs, 'rb') as source:
                disk.write(bytes(boot) + read(core))
                for start in range(0, os.path.getsize(fs), 1 << 20):
                    data = source.read(1 << 20)
                    if any(data):
                        disk.seek(DISK_START * 512 + start)
                        disk.write(data)
                disk.truncate(DISK_MIB << 20)
        finally:
            for f in (fs, core):
                if os.path.exists(f):
                    os.unlink(f)

    def disk(self, busybox):
        """pc-disk.img: GRUB and Debian i386 on an IDE disk; its init is guest-run."""
        kernel = self._file(I386, 'boot/vmlinuz-*')
        initrd = self.pc_initrd('pc-686', I386, busybox)
        trees = [self.unpacked(f'{p}:i386') for p in USERLAND]
        return self._make('pc-disk.img', [kernel, read(initrd), images.script('guest-run'), *trees],
                          lambda path: self._disk(path, kernel, initrd, busybox))

    def pc(self):
        """Everything that tests of the PC boot: see docs/HACKING.md."""
        for name, (package, file) in COPIES.items():
            source = self._file(package, file)
            self._make(name, [source], lambda path, f=source: shutil.copy(f, path) and None)
        self._isolinux('tools.iso', TOOLS, {
            'invaders': read(self._file('grub-invaders', 'boot/invaders.exec')),
        }, ['hdt', 'pcitest', 'mboot', 'libcom32', 'libgpl', 'libutil', 'libmenu'])
        self.grub_cd()
        busybox = read(self._file('busybox-static:i386', 'bin/busybox'))
        self.linux_cd('pc-686', I386, busybox)
        self.linux_cd('pc-amd64', images.HOST, self.busybox())
        self.disk(busybox)
