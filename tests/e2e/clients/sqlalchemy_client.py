# SPDX-License-Identifier: Apache-2.0
"""SQLAlchemy: the ORM and, for cancel, the driver's connection under it."""
import scenario
from sqlalchemy import Column, Integer, LargeBinary, Text, func, select, text
from sqlalchemy.orm import Session, declarative_base

engine = scenario.snippet()["engine"]
Base = declarative_base()


class Thing(Base):
    __tablename__ = "things"
    id = Column(Integer, primary_key=True)
    name = Column(Text, nullable=False, unique=True)
    body = Column(Text)
    blob = Column(LargeBinary)


class Client:
    def migrate(self):
        Base.metadata.create_all(engine)
        with engine.begin() as connection:
            connection.execute(text(scenario.ADD_NOTE))

    def database(self):
        with engine.connect() as connection:
            return connection.execute(select(func.current_database())).scalar_one()

    def insert_each(self, names):
        with Session(engine) as session, session.begin():
            for name in names:
                session.add(Thing(name=name))
                session.flush()

    def insert_batch(self, names):
        with engine.begin() as connection:
            connection.execute(Thing.__table__.insert(), [{"name": name} for name in names])

    def insert_big(self, name, body, blob):
        with Session(engine) as session, session.begin():
            session.add(Thing(name=name, body=body, blob=blob))

    def read_big(self, name):
        with Session(engine) as session:
            sql = select(Thing.body, Thing.blob).where(Thing.name == name)
            return session.execute(sql).one()

    def count(self, pattern):
        with Session(engine) as session:
            sql = select(func.count()).select_from(Thing).where(Thing.name.like(pattern))
            return session.execute(sql).scalar_one()

    def cancelled(self):
        with engine.connect() as connection:
            scenario.later(connection.connection.cancel)
            connection.execute(text(scenario.SLEEP))

    def close(self):
        engine.dispose()


scenario.run(Client())
