// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/context.h"
#include "cli/up.h"

namespace howdah::cli {

void add_up_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<UpOptions>();
  auto no_sample = std::make_shared<bool>(false);
  const CLI::Range port_range(0, 65'535);
  CLI::App* up = app.add_subcommand("up", "Start Howdah in the foreground");
  up->add_option("--listen", options->listen, "Address to listen on (default: this machine only)")
      ->envname("HOWDAH_LISTEN");
  up->add_option("--http-port", options->http_port, "API (0: a free one)")
      ->check(port_range)
      ->envname("HOWDAH_HTTP_PORT");
  up->add_option("--direct-port", options->direct_port, "Postgres, one server connection a client")
      ->check(port_range)
      ->envname("HOWDAH_DIRECT_PORT");
  up->add_option("--pooled-port", options->pooled_port, "Postgres, pooled")
      ->check(port_range)
      ->envname("HOWDAH_POOLED_PORT");
  up->add_option("--public-host", options->public_host, "Host name in connection strings");
  up->add_option("--domain", options->domain, "Domain of this machine; with --email: opens it");
  up->add_option("--email", options->email, "Who is told about the domain's certificate");
  up->add_option("--postgres-dir", options->postgres_directories,
                 "Folder of a PostgreSQL server beside those of packages (may be repeated)")
      ->delimiter(':')
      ->envname("HOWDAH_POSTGRES_DIR");
  up->add_option("--volume-driver", options->volume_driver, "auto, btrfs, reflink or copy")
      ->check(CLI::IsMember({"auto", "btrfs", "reflink", "copy"}));
  up->add_option("--volume-size", options->volume_size, "Bytes of the volume image")
      ->check(CLI::PositiveNumber);
  up->add_option("--size-class", options->size_class, "Of new databases")
      ->check(CLI::IsMember({"nano", "small", "medium", "large"}));
  up->add_option("--spares", options->spares, "Databases kept ready")->check(CLI::Range(0, 50));
  up->add_flag("--no-sample", *no_sample, "No sample database at the first start");
  up->callback([&context, options, no_sample] {
    context.action = [&context, options, no_sample] {
      options->data_directory = context.data_directory.empty() ? default_data_directory()
                                                               : os::Path(context.data_directory);
      options->quiet = context.quiet;
      options->sample = !*no_sample;
      return run_up(*options);
    };
  });
}

}  // namespace howdah::cli
