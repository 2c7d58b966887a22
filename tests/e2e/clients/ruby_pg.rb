# SPDX-License-Identifier: Apache-2.0
# ruby-pg by the variables of the .env snippet.
require "pg"
require_relative "scenario"

class Client
  INSERT = "INSERT INTO things (name) VALUES ($1)"

  def initialize
    @db = PG.connect
  end

  def migrate
    @db.exec("CREATE TABLE things
      (id serial PRIMARY KEY, name text NOT NULL UNIQUE, body text, blob bytea)")
    @db.exec("ALTER TABLE things ADD COLUMN note text NOT NULL DEFAULT 'none'")
    @db.prepare("insert", INSERT)
  end

  def database
    @db.exec("SELECT current_database()").getvalue(0, 0)
  end

  def insert_each(names)
    @db.transaction { names.each { |name| @db.exec_prepared("insert", [name]) } }
  end

  def insert_batch(names)
    @db.enter_pipeline_mode
    names.each { |name| @db.send_query_prepared("insert", [name]) }
    @db.pipeline_sync
    names.each do
      @db.get_result.check
      @db.get_result
    end
    @db.get_result
    @db.exit_pipeline_mode
  end

  def insert_big(name, body, blob)
    blob = { value: blob, format: 1 }
    @db.exec_params("INSERT INTO things (name, body, blob) VALUES ($1, $2, $3)", [name, body, blob])
  end

  def read_big(name)
    @db.exec_params("SELECT body, blob FROM things WHERE name = $1", [name], 1).values[0]
  end

  def count(pattern)
    @db.exec_params("#{COUNT}$1", [pattern]).getvalue(0, 0)
  end

  def cancelled
    later { @db.cancel }
    @db.exec(SLEEP)
  end

  def close
    @db.close
  end
end

scenario(Client.new)
