# SPDX-License-Identifier: Apache-2.0
"""What psycopg (2 or 3) does with a snippet's `connection`: prints one line of what it saw.

Run by the tests behind the snippet's own text, which makes `connection`.
"""


def exercise(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE t (n int, s text)")
    for i in range(20):  # more than psycopg 3's prepare_threshold
        cursor.execute("INSERT INTO t VALUES (%s, %s)", (i, f"ünï{i}"))
    connection.commit()
    cursor.execute("SELECT current_database(), (SELECT sum(n) FROM t), (SELECT max(s) FROM t)")
    print(*cursor.fetchone())
    connection.close()
