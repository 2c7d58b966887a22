# SPDX-License-Identifier: Apache-2.0
# What each Ruby client is put through; a program of this folder says only how its client does each
# step. The same steps and the same report as scenario.ts, which describes them.
require "digest"

SLEEP = "SELECT pg_sleep(20)"
COUNT = "SELECT count(*) FROM things WHERE name LIKE "

def names(prefix, count)
  (0...count).map { |i| "#{prefix}-#{i}-ünï" }
end

def sum(content)
  "#{content.bytesize} #{Digest::MD5.hexdigest(content)}"
end

# Calls the block on a thread of its own when a statement of this one has surely begun.
def later
  Thread.new do
    sleep 0.5
    yield
  end
end

def refused
  yield
  "not at all"
rescue StandardError => error
  error = error.cause while error.cause && !error.is_a?(PG::Error)
  error.is_a?(PG::Error) ? error.result.error_field(PG::PG_DIAG_SQLSTATE) : error.inspect
end

def scenario(client)
  client.migrate
  puts "database #{client.database}"
  client.insert_each(names("committed", 10))
  puts "committed #{client.count('committed-%')}"
  puts "refused #{refused { client.insert_each(names('rolled', 5) + names('rolled', 1)) }}"
  puts "rolled #{client.count('rolled-%')}"
  client.insert_batch(names("batch", 1000))
  puts "batch #{client.count('batch-%')}"
  client.insert_big("big-0", File.read(ENV["HOWDAH_TEXT"]), File.binread(ENV["HOWDAH_BYTES"]))
  body, blob = client.read_big("big-0")
  puts "text #{sum(body)}", "bytes #{sum(blob)}"
  puts "cancelled #{refused { client.cancelled }}"
  puts "alive #{client.count('big-%')}"
  client.close
end
