<?php
// SPDX-License-Identifier: Apache-2.0
// PHP's PDO by the laravel snippet, put together as Laravel's own connector does it. The steps and
// the report are those of scenario.ts.
declare(strict_types=1);

$snippet = file_get_contents(getenv('HOWDAH_SNIPPET'));
[$environment, $config] = explode('// config/database.php', $snippet, 2);
$environment = parse_ini_string($environment, false, INI_SCANNER_RAW);
$tls = eval('return [' . substr($config, strpos($config, "\n")) . '];');
$source = sprintf(
    'pgsql:host=%s;port=%s;dbname=%s;sslmode=%s;sslrootcert=%s',
    $environment['DB_HOST'],
    $environment['DB_PORT'],
    $environment['DB_DATABASE'],
    $tls['sslmode'],
    $tls['sslrootcert'],
);

function connect(): PDO
{
    global $source, $environment;
    return new PDO($source, $environment['DB_USERNAME'], $environment['DB_PASSWORD']);
}

function one(string $sql, string ...$values): mixed
{
    global $db;
    $query = $db->prepare($sql);
    $query->execute($values);
    return $query->fetchColumn();
}

function count_of(string $prefix): mixed
{
    return one('SELECT count(*) FROM things WHERE name LIKE ?', "$prefix-%");
}

function insert_each(array $names): void
{
    global $db;
    $db->beginTransaction();
    try {
        $insert = $db->prepare('INSERT INTO things (name) VALUES (?)');
        foreach ($names as $name) {
            $insert->execute([$name]);
        }
        $db->commit();
    } catch (PDOException $error) {
        $db->rollBack();
        throw $error;
    }
}

function names(string $prefix, int $count): array
{
    return array_map(fn (int $i): string => "$prefix-$i-ünï", range(0, $count - 1));
}

function refused(callable $step): string
{
    try {
        $step();
    } catch (PDOException $error) {
        return $error->errorInfo[0];
    }
    return 'not at all';
}

function sum(string $content): string
{
    return strlen($content) . ' ' . md5($content);
}

/** PDO cannot cancel: another process asks by SQL. */
function cancelled(): void
{
    global $db;
    $child = pcntl_fork();
    if ($child === 0) {
        usleep(500_000);
        connect()->exec("SELECT pg_cancel_backend(pid) FROM pg_stat_activity
            WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'");
        posix_kill(getmypid(), SIGKILL); // the parent's session is not this process's to close
    }
    try {
        $db->query('SELECT pg_sleep(20)');
    } finally {
        pcntl_waitpid($child, $status);
    }
}

$db = connect();
$db->exec('CREATE TABLE things
    (id serial PRIMARY KEY, name text NOT NULL UNIQUE, body text, blob bytea)');
$db->exec("ALTER TABLE things ADD COLUMN note text NOT NULL DEFAULT 'none'");
echo 'database ', one('SELECT current_database()'), "\n";
insert_each(names('committed', 10));
echo 'committed ', count_of('committed'), "\n";
echo 'refused ', refused(fn () => insert_each([...names('rolled', 5), ...names('rolled', 1)])), "\n";
echo 'rolled ', count_of('rolled'), "\n";
$db->pgsqlCopyFromArray('things (name)', names('batch', 1000));
echo 'batch ', count_of('batch'), "\n";

$insert = $db->prepare("INSERT INTO things (name, body, blob) VALUES ('big-0', ?, ?)");
$insert->bindValue(1, file_get_contents(getenv('HOWDAH_TEXT')));
$insert->bindValue(2, file_get_contents(getenv('HOWDAH_BYTES')), PDO::PARAM_LOB);
$insert->execute();
$row = $db->query("SELECT body, blob FROM things WHERE name = 'big-0'")->fetch(PDO::FETCH_NUM);
echo 'text ', sum($row[0]), "\n";
echo 'bytes ', sum(stream_get_contents($row[1])), "\n";
echo 'cancelled ', refused(fn () => cancelled()), "\n";
echo 'alive ', count_of('big'), "\n";
