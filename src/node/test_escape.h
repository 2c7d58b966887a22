// SPDX-License-Identifier: Apache-2.0
// What the OS user of an instance may try, as one Perl program (perl-base is on every Debian): each
// probe tells whether it got through. It runs behind the wall, started by the instance itself, and
// as a control as the same user without the wall. Its arguments are NAME=VALUE.
#pragma once

namespace howdah::node::testing {

inline constexpr const char* kEscapeProbes = R"PERL(
use strict; use warnings; use Socket; use POSIX ();
my %at = map { split /=/, $_, 2 } @ARGV;
$at{$_} += 0 for grep { $at{$_} =~ /^-?\d+$/ } keys %at;  # else passed to a call as a pointer
# Each in a process of its own: one that got through changes what the next may do.
sub probe { my ($name, $try) = @_;
  my $pid = fork; die "fork" unless defined $pid;
  if (!$pid) { alarm 5; local $SIG{__WARN__} = sub {};
    POSIX::_exit(eval { $try->() } ? 0 : 1); }
  waitpid $pid, 0; print "$name|", ($? == 0 ? "REACHED" : "refused"), "\n"; }
sub entries { opendir(my $d, $_[0]) or return (); return grep { !/^\.\.?$/ } readdir $d; }
sub content { open(my $f, '<', $_[0]) or return ''; local $/; my $t = <$f>; return $t // ''; }
sub writes { open(my $f, '>>', $_[0]) or return 0; return (print $f "x") && close $f; }
sub dial { my ($family, $type, $to) = @_;
  socket(my $s, $family, $type, 0) or return 0; return connect($s, $to); }
sub call { my $number = shift; return syscall($number, @_) >= 0; }

$| = 1;
print "own data|", (-r "$at{data}/PG_VERSION" ? "REACHED" : "refused"), "\n";

# files, and the names of other instances
probe 'list the folder of all instances', sub { entries($at{instances}) > 1 || -e $at{other_data} };
probe 'know that another instance exists', sub { -e $at{other_directory} };
probe 'read a world-readable file of another', sub { content("$at{other_directory}/$at{marker}") };
probe 'read another\'s data', sub { content("$at{other_data}/PG_VERSION") };
probe 'know another\'s socket folder', sub { -e $at{other_sockets} };
probe 'connect to another\'s socket',
  sub { dial(AF_UNIX, SOCK_STREAM, pack_sockaddr_un("$at{other_sockets}/.s.PGSQL.5432")) };
probe 'see the agent\'s socket', sub { -e $at{api_socket} };
probe 'connect to the agent\'s socket',
  sub { dial(AF_UNIX, SOCK_STREAM, pack_sockaddr_un($at{api_socket})) };
probe 'see the catalog\'s folder', sub { -e $at{catalog} };
probe 'connect to the catalog',
  sub { dial(AF_UNIX, SOCK_STREAM, pack_sockaddr_un("$at{catalog_sockets}/.s.PGSQL.5432")) };
probe 'read howdah.json', sub { content("$at{data_dir}/howdah.json") };
probe 'see the folder of secrets', sub { -e "$at{data_dir}/secrets" };
probe 'read its own manifest', sub { content("$at{directory}/instance.json") };
probe 'read the configuration of another',
  sub { content("$at{other_directory}/config/pg_ident.conf") };
probe 'change its own configuration', sub { writes("$at{directory}/config/pg_hba.conf") };
probe 'read the host\'s users', sub { content('/etc/passwd') =~ /^games:/m };
probe 'read /etc/shadow', sub { content('/etc/shadow') };
probe 'read the machine\'s id', sub { content('/etc/machine-id') || content('/etc/hostname') };
probe 'know the host\'s name', sub { (POSIX::uname())[1] eq $at{host_name} };
probe 'list the host\'s /tmp', sub { -e $at{tmp_marker} };
probe 'list /home or /var/lib', sub { entries('/home') || entries('/var/lib') };
probe 'list /run', sub { scalar entries('/run') };
probe 'write to /usr', sub { writes('/usr/howdah-probe') };
probe 'write to /etc', sub { writes('/etc/howdah-probe') };
probe 'make a folder in /', sub { mkdir '/howdah-probe' };
probe 'read through the descriptors it was given', sub {
  for my $fd (0 .. 63) { return 1 if -d "/proc/self/fd/$fd/." } return 0 };

# devices and the kernel's own files
probe 'make a device', sub { system('mknod', "$at{data}/probe", 'c', '1', '1') == 0 };
probe 'see the disk', sub { -e '/dev/vda' || -e '/dev/sda' || -e '/dev/loop-control' };
probe 'open /dev/mem or /dev/kmsg',
  sub { my $f; open($f, '<', '/dev/kmsg') || open($f, '<', '/dev/mem') };
probe 'read the kernel\'s settings', sub { content('/proc/sys/kernel/core_pattern') };
probe 'write the core pattern', sub { writes('/proc/sys/kernel/core_pattern') };
probe 'read /proc/kallsyms', sub { content('/proc/kallsyms') };
probe 'see /sys', sub { scalar entries('/sys') };
probe 'see the control groups', sub { scalar entries('/sys/fs/cgroup') };
probe 'leave its control group', sub { writes('/sys/fs/cgroup/pids/cgroup.procs')
  || writes('/sys/fs/cgroup/cgroup.procs') };
probe 'read the kernel\'s log', sub { my $b = ' ' x 4096; call(103, 3, $b, 4096) };

# other processes
probe 'see the agent\'s process', sub { -e "/proc/$at{agent}" };
probe 'read the agent\'s arguments', sub { content("/proc/$at{agent}/cmdline") };
probe 'read the agent\'s environment', sub { content("/proc/$at{agent}/environ") };
probe 'enter the agent\'s root', sub { scalar entries("/proc/$at{agent}/root") };
probe 'see another\'s postmaster', sub { -e "/proc/$at{other_pid}" };
probe 'list another\'s descriptors', sub { scalar entries("/proc/$at{other_pid}/fd") };
probe 'signal the agent', sub { kill 0, $at{agent} };
probe 'signal another\'s postmaster', sub { kill 0, $at{other_pid} };
probe 'signal a process of the same user', sub { kill 0, $at{same_user} };
probe 'trace a process of the same user', sub { call(101, 16, $at{same_user}, 0, 0) };
probe 'read memory of a process of the same user', sub {
  my $b = ' ' x 8; my $v = pack('QQ', unpack('Q', pack('p', $b)), 8);
  call(310, $at{same_user}, $v, 1, $v, 1, 0) || $!{EFAULT} };
probe 'lower the priority of another', sub { call(141, 0, $at{other_pid}, 19) };

# the network
probe 'connect to a TCP port of the host',
  sub { dial(AF_INET, SOCK_STREAM, pack_sockaddr_in($at{tcp}, inet_aton('127.0.0.1'))) };
probe 'send a datagram to the host', sub { socket(my $s, AF_INET, SOCK_DGRAM, 0) or return 0;
  connect($s, pack_sockaddr_in($at{udp}, inet_aton('127.0.0.1'))) or return 0;
  syswrite($s, 'x'); select(undef, undef, undef, 0.05); return defined syswrite($s, 'x') };
probe 'find a way to another machine', sub { socket(my $s, AF_INET, SOCK_DGRAM, 0) or return 0;
  return connect($s, pack_sockaddr_in(53, inet_aton('192.0.2.1'))) };
probe 'listen on a TCP port', sub { socket(my $s, AF_INET, SOCK_STREAM, 0) or return 0;
  return bind($s, pack_sockaddr_in(0, INADDR_LOOPBACK)) };
probe 'connect to an abstract socket of the host',
  sub { dial(AF_UNIX, SOCK_STREAM, pack('S a*', AF_UNIX, "\0$at{abstract}")) };
probe 'open a raw socket', sub { socket(my $s, AF_INET, SOCK_RAW, 1) };
probe 'open a packet socket', sub { socket(my $s, 17, SOCK_RAW, 0) };
probe 'open an AF_ALG socket', sub { socket(my $s, 38, 5, 0) };
probe 'open a vsock', sub { socket(my $s, 40, SOCK_STREAM, 0) };
probe 'talk to the kernel\'s auditor', sub { socket(my $s, 16, SOCK_RAW, 9) };

# shared memory
probe 'attach a segment of the machine',
  sub { my $b; shmread($at{segment}, $b, 0, length $at{shm}) && $b eq $at{shm} };
probe 'open shared memory of the machine', sub { content("/dev/shm/$at{shm}") };

# new rights
probe 'gain rights by a setuid program', sub {
  content('/proc/self/status') !~ /NoNewPrivs:\s+1/ };
probe 'make a user namespace', sub { call(272, 0x10000000) };
probe 'clone into a user namespace', sub {
  my $pid = syscall(56, 0x10000000 | 17, 0, 0, 0, 0); POSIX::_exit(0) if $pid == 0; $pid > 0 };
probe 'enter another\'s namespace',
  sub { open(my $f, '<', "/proc/$at{same_user}/ns/net") or return 0;
  return call(308, fileno($f), 0) };
probe 'mount something', sub { my $t = "tmpfs"; call(165, $t, "$at{data}", $t, 0, 0) };
probe 'change its root', sub { my $p = "/usr"; call(161, $p) };
probe 'run a program from its own folder', sub {
  system("cp /bin/true $at{data}/probe && chmod 755 $at{data}/probe") == 0 or return 0;
  my $got = system("$at{data}/probe 2>/dev/null"); unlink "$at{data}/probe"; return $got == 0 };
probe 'make a setuid file that works', sub {
  content('/proc/self/mounts') =~ m{^\S+ (/|\Q$at{data}\E) \S+ (?!\S*nosuid)}m };
probe 'use a keyring', sub { call(250, 0, -3, 1) };
probe 'add a key', sub { my ($t, $d, $p) = ("user", "howdah", "x"); call(248, $t, $d, $p, 1, -2) };
probe 'load a BPF program', sub { my $a = "\0" x 120; call(321, 0, $a, 120) };
probe 'watch performance counters', sub { my $a = pack('LLQ', 1, 112, 0) . "\0" x 96;
  call(298, $a, 0, -1, -1, 0) };
probe 'set up io_uring', sub { my $p = "\0" x 120; call(425, 4, $p) };
probe 'handle its own page faults', sub { call(323, 1) };
probe 'open a file by its handle', sub { my $h = pack('LL', 8, 1) . "\0" x 8;
  call(304, -100, $h, 0) || $!{ESTALE} || $!{EBADF} };
probe 'change its personality', sub { call(135, 0x0040000) };
)PERL";

}  // namespace howdah::node::testing
