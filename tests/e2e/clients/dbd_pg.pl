#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# DBD::Pg by the variables of the .env snippet. The steps and the report are those of scenario.ts.
use strict;
use warnings;
use utf8;
use DBI;
use DBD::Pg qw(:async :pg_types);
use Digest::MD5 qw(md5_hex);

binmode STDOUT, ':utf8';
my $db = DBI->connect('dbi:Pg:', '', '', { RaiseError => 1, PrintError => 0, AutoCommit => 1 });

sub count {
    my ($prefix) = @_;
    my $sql = 'SELECT count(*) FROM things WHERE name LIKE ?';
    return ($db->selectrow_array($sql, undef, "$prefix-%"))[0];
}

# Returns the refusal's code after rolling back.
sub insert_each {
    my $insert = $db->prepare('INSERT INTO things (name) VALUES (?)');
    $db->begin_work;
    eval { $insert->execute($_) for @_; $db->commit } and return 'not at all';
    my $state = $insert->state;
    $db->rollback;
    return $state;
}

sub content {
    my ($variable) = @_;
    open my $file, '<:raw', $ENV{$variable} or die "$variable: $!";
    local $/;
    return <$file>;
}

sub checksum { return length($_[0]) . ' ' . md5_hex($_[0]) }

$db->do('CREATE TABLE things '
    . '(id serial PRIMARY KEY, name text NOT NULL UNIQUE, body text, blob bytea)');
$db->do("ALTER TABLE things ADD COLUMN note text NOT NULL DEFAULT 'none'");
print 'database ', $db->selectrow_array('SELECT current_database()'), "\n";

insert_each(map { "committed-$_-ünï" } 0 .. 9);
print 'committed ', count('committed'), "\n";
print 'refused ', insert_each(map { "rolled-$_-ünï" } 0 .. 4, 0), "\n";
print 'rolled ', count('rolled'), "\n";

# DBD::Pg's own for many rows.
$db->do('COPY things (name) FROM STDIN');
$db->pg_putcopydata("batch-$_-ünï\n") for 0 .. 999;
$db->pg_putcopyend;
print 'batch ', count('batch'), "\n";

my $big = $db->prepare("INSERT INTO things (name, body, blob) VALUES ('big-0', ?, ?)");
$big->bind_param(1, content('HOWDAH_TEXT'));
$big->bind_param(2, content('HOWDAH_BYTES'), { pg_type => PG_BYTEA });
$big->execute;
my ($body, $blob) = $db->selectrow_array("SELECT body, blob FROM things WHERE name = 'big-0'");
print 'text ', checksum($body), "\n", 'bytes ', checksum($blob), "\n";

$db->do('SELECT pg_sleep(20)', { pg_async => PG_ASYNC });
select undef, undef, undef, 0.5;
# pg_cancel waits for the answer, and is true when that is the expected error.
print 'cancelled ', $db->pg_cancel ? '57014' : 'not at all', "\n";
print 'alive ', count('big'), "\n";
$db->disconnect;
