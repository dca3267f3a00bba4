#include <fcntl.h>

#include "cli/command.h"
#include "policy/preset.h"

namespace cli {

namespace {

struct InitOptions {
  std::string preset;
  std::string url;
  policy::StoreWishes stores;
  std::string output = "seawall.yaml";
};

policy::PresetStores stores_of(const InitOptions& options, const std::string& name) {
  policy::StoreWishes wishes = options.stores;
  wishes.name = name;
  return policy::choose_stores(wishes);
}

policy::FoundDatabase look_at(const InitOptions& options) {
  const std::string& url = options.url;
  postgres::Connection connection(url);
  policy::FoundDatabase found;
  found.name = connection.query("select current_database()").text(0, 0);
  found.url = url;
  found.data_directory =
      connection.query("select setting from pg_settings where name = 'data_directory'").empty()
          ? std::nullopt
          : std::optional(connection.setting("data_directory"));
  found.bytes = static_cast<uint64_t>(
      connection.query("select pg_database_size(current_database())").number(0, 0));
  found.time_zone = connection.setting("TimeZone");
  found.stores = stores_of(options, found.name);
  const postgres::Rows tables = connection.query(
      "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
      "where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' "
      "order by 1, 2");
  for (size_t row = 0; row < tables.size(); ++row)
    found.tables.push_back({tables.text(row, 0), tables.text(row, 1)});
  return found;
}

std::string policy_text(const InitOptions& options) {
  if (options.preset.empty()) {
    if (options.url.empty()) {
      throw base::Error(
          base::ErrorKind::invalid, "neither a preset nor a database is given",
          "seawall init --preset breezycorp, or seawall init --database postgresql:///mydb");
    }
    return policy::commented_policy(look_at(options));
  }
  if (options.preset != "breezycorp") {
    throw base::Error(base::ErrorKind::invalid,
                      fmt::format("there is no preset '{}'", options.preset),
                      "there is: breezycorp");
  }
  policy::PresetPlaces places;
  places.stores = stores_of(options, options.preset);
  if (!options.url.empty()) places.database_url = options.url;
  return policy::preset_breezycorp(places);
}

void init(const Globals& globals, const InitOptions& options) {
  const std::string text = policy_text(options);
  policy::parse(text, "the new policy");  // what we write, we can read
  if (options.output == "-") {
    fmt::print("{}", text);
    return;
  }
  const base::Path path = options.output;
  if (std::filesystem::exists(path)) {
    throw base::Error(base::ErrorKind::conflict, fmt::format("{} is there already", path.string()),
                      "name another file with --output, or - for standard output");
  }
  base::write_file_durably(path, base::as_bytes(text), 0640);
  if (globals.json) {
    print_json({{"policy", path.string()}});
  } else {
    fmt::print("wrote {}: read it, then 'seawall --policy {} check'\n", path.string(),
               path.string());
  }
}

}  // namespace

void add_init(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand(
      "init", "write a commented policy: from a preset, or by looking at a database");
  auto options = std::make_shared<InitOptions>();  // outlives this function with the callback
  command->add_option("--preset", options->preset, "a strategy to begin with: breezycorp")
      ->type_name("NAME");
  command->add_option("--database", options->url, "the database, as a libpq URI without password")
      ->type_name("URL");
  policy::StoreWishes& stores = options->stores;
  // An empty variable of the shell must not turn buckets into folders.
  const CLI::Validator given([](const std::string& text) { return text.empty() ? "is empty" : ""; },
                             "");
  const auto add = [&](const char* name, std::string& value, const char* what, const char* type) {
    command->add_option(name, value, what)->type_name(type)->check(given);
  };
  add("--store", stores.below,
      "the folder that repository and dumps go below (/var/backups), or s3://NAME, what the names "
      "of their buckets begin with",
      "PLACE");
  add("--region", stores.region,
      "keep all in buckets of this region: NAME-repository-REGION, NAME-backups-REGION", "REGION");
  add("--replica-region", stores.replica_region,
      "and a copy of the dumps in this one: NAME-backups-REGION", "REGION");
  add("--endpoint", stores.endpoint, "of the S3 service, where it is not AWS", "URL");
  add("--replica-endpoint", stores.replica_endpoint, "the same of the replica's region", "URL");
  command->add_option("-o,--output", options->output, "where to write it; - is standard output")
      ->type_name("FILE")
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  seawall init --preset breezycorp\n"
      "  seawall init --preset breezycorp --region ap-southeast-1 --replica-region ap-northeast-1\n"
      "  seawall init --database postgresql:///shop -o /etc/seawall/seawall.yaml\n"
      "  seawall init --database postgresql:///shop --store s3://acme-shop --region eu-west-2");
  command->callback([&globals, options] { init(globals, *options); });
}

}  // namespace cli
