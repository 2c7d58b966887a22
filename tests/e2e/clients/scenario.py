# SPDX-License-Identifier: Apache-2.0
"""What each Python client is put through; a program of this folder says only how its client does
each step. The same steps and the same report as scenario.ts, which describes them."""
import hashlib
import os
import threading
import time

SLEEP = "SELECT pg_sleep(20)"
CREATE_THINGS = """CREATE TABLE things (
  id serial PRIMARY KEY, name text NOT NULL UNIQUE, body text, blob bytea)"""
ADD_NOTE = "ALTER TABLE things ADD COLUMN note text NOT NULL DEFAULT 'none'"
BIG = "SELECT body, blob FROM things WHERE name = "
COUNT = "SELECT count(*) FROM things WHERE name LIKE "


def snippet():
    """The names that the API's snippet defines, run as it was printed."""
    made = {}
    with open(os.environ["HOWDAH_SNIPPET"], encoding="utf-8") as file:
        exec(compile(file.read(), file.name, "exec"), made)
    return made


def later(cancel):
    """Calls cancel() on a thread of its own when a statement of this one has surely begun."""
    def run():
        time.sleep(0.5)
        cancel()
    threading.Thread(target=run, daemon=True).start()


def sqlstate(error):
    for one in (error, getattr(error, "orig", None), error.__cause__):
        code = getattr(one, "pgcode", None) or getattr(one, "sqlstate", None)
        if code:
            return code
    return repr(error)


def refused(step, *arguments):
    try:
        step(*arguments)
    except Exception as error:
        return sqlstate(error)
    return "not at all"


def names(prefix, count):
    return [f"{prefix}-{i}-ünï" for i in range(count)]


def content(variable):
    with open(os.environ[variable], "rb") as file:
        return file.read()


def checksum(received):
    received = received.encode() if isinstance(received, str) else bytes(received)
    return f"{len(received)} {hashlib.md5(received).hexdigest()}"


def run(client):
    client.migrate()
    print("database", client.database())
    client.insert_each(names("committed", 10))
    print("committed", client.count("committed-%"))
    print("refused", refused(client.insert_each, names("rolled", 5) + names("rolled", 1)))
    print("rolled", client.count("rolled-%"))
    client.insert_batch(names("batch", 1000))
    print("batch", client.count("batch-%"))
    client.insert_big("big-0", content("HOWDAH_TEXT").decode(), content("HOWDAH_BYTES"))
    body, blob = client.read_big("big-0")
    print("text", checksum(body))
    print("bytes", checksum(blob))
    print("cancelled", refused(client.cancelled))
    print("alive", client.count("big-%"))
    client.close()
