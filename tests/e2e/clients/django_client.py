# SPDX-License-Identifier: Apache-2.0
"""Django: an application of one model, its migrations made and applied by Django's commands."""
import os
import pathlib
import sys

import django
import scenario
from django.conf import settings
from django.core.management import call_command

FOLDER = pathlib.Path(os.environ["HOWDAH_SNIPPET"]).parent
MODEL = """
from django.db import models

class Thing(models.Model):
    name = models.TextField(unique=True)
    body = models.TextField(null=True)
    blob = models.BinaryField(null=True)
    {more}

    class Meta:
        db_table = "things"
"""


def write_model(more):
    application = FOLDER / "shop"
    application.mkdir(exist_ok=True)
    (application / "__init__.py").write_text("")
    (application / "models.py").write_text(MODEL.format(more=more))


def make_migration():
    """In a process of its own: a model can be loaded only once."""
    if (child := os.fork()) == 0:
        django.setup()
        call_command("makemigrations", "shop", verbosity=0)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


sys.path.insert(0, str(FOLDER))
sys.dont_write_bytecode = True
settings.configure(DATABASES=scenario.snippet()["DATABASES"], INSTALLED_APPS=["shop"],
                   DEFAULT_AUTO_FIELD="django.db.models.AutoField", USE_TZ=True)
write_model("")
make_migration()
write_model("note = models.TextField(default='none')")
make_migration()
django.setup()

from django.db import connection, transaction  # noqa: E402
from shop.models import Thing  # noqa: E402


class Client:
    def migrate(self):
        call_command("migrate", verbosity=0)

    def database(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_database()")
            return cursor.fetchone()[0]

    def insert_each(self, names):
        with transaction.atomic():
            for name in names:
                Thing.objects.create(name=name)

    def insert_batch(self, names):
        Thing.objects.bulk_create([Thing(name=name) for name in names])

    def insert_big(self, name, body, blob):
        Thing.objects.create(name=name, body=body, blob=blob)

    def read_big(self, name):
        # By iterator(): a cursor of the server, where the settings of the snippet allow it.
        return next(Thing.objects.filter(name=name).values_list("body", "blob").iterator())

    def count(self, pattern):
        return Thing.objects.filter(name__startswith=pattern.rstrip("%")).count()

    def cancelled(self):
        with connection.cursor() as cursor:
            scenario.later(connection.connection.cancel)
            cursor.execute(scenario.SLEEP)

    def close(self):
        connection.close()


scenario.run(Client())
