# SPDX-License-Identifier: Apache-2.0
# ActiveRecord by the rails snippet: its migrations, its models, its bulk insert.
require "active_record"
require "yaml"
require_relative "scenario"

class Thing < ActiveRecord::Base
end

MIGRATIONS = {
  "make_things" => <<~RUBY,
    create_table :things do |table|
      table.text :name, null: false, index: { unique: true }
      table.text :body
      table.binary :blob
    end
  RUBY
  "add_note" => 'add_column :things, :note, :text, null: false, default: "none"',
}.freeze

class Client
  # What `rails db:migrate` does.
  def migrate
    MIGRATIONS.each_with_index do |(name, change), i|
      text = "class #{name.camelize} < ActiveRecord::Migration[6.1]\n" \
             "  def change\n#{change}\nend\nend\n"
      File.write("#{i + 1}_#{name}.rb", text)
    end
    ActiveRecord::Migrator.migrations_paths = [Dir.pwd]
    ActiveRecord::Tasks::DatabaseTasks.migrate
  end

  def database
    Thing.connection.current_database
  end

  def insert_each(names)
    Thing.transaction { names.each { |name| Thing.create!(name: name) } }
  end

  def insert_batch(names)
    Thing.insert_all!(names.map { |name| { name: name } })
  end

  def insert_big(name, body, blob)
    Thing.create!(name: name, body: body, blob: blob)
  end

  def read_big(name)
    Thing.where(name: name).pick(:body, :blob)
  end

  def count(pattern)
    Thing.where("name LIKE ?", pattern).count
  end

  def cancelled
    later { Thing.connection_pool.connections.first.raw_connection.cancel }
    Thing.connection.execute(SLEEP)
  end

  def close
    ActiveRecord::Base.connection_pool.disconnect!
  end
end

config = YAML.load_file(ENV["HOWDAH_SNIPPET"])["production"]
ActiveRecord::Base.establish_connection(config)
ActiveRecord::Migration.verbose = false
ENV["VERBOSE"] = "false"
scenario(Client.new)
