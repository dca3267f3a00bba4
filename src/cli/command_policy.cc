// What a policy asks of others, printed: rights of roles, and the schema of the file itself.
#include "app/iam.h"
#include "cli/command.h"
#include "policy/json_schema.h"

namespace cli {

namespace {

struct IamFlags {
  std::string document;
  app::IamOptions options;
  std::vector<std::string> principals;
  int major = 15;
};

// Each document with what it is for, in the order in which they are applied.
const std::vector<std::pair<std::string, std::string>>& documents() {
  static const std::vector<std::pair<std::string, std::string>> all = {
      {"writer", "the role of the host that backs up: it adds, and never deletes or overwrites"},
      {"watcher", "the role that judges: it reads, and opens no data"},
      {"restorer", "the role of a restore: it reads everything, and writes nothing"},
      {"pruner", "the role of `seawall prune`: it deletes in the repository what may go"},
      {"trust", "who may take these roles"},
      {"replicator", "the role by which S3 copies dumps to the other region"},
      {"replicator_trust", "that S3 may take it"},
      {"key", "the KMS key's policy, in the first region"},
      {"replica_key", "the KMS key's policy, in the replica's region"},
      {"bucket_repository", "the repository's bucket policy"},
      {"bucket_dumps", "the bucket policy of the dumps"},
      {"bucket_replica", "the bucket policy of their replica"},
      {"lifecycle_repository", "lifecycle of the repository: never by age"},
      {"lifecycle_dumps", "lifecycle of the dumps and of their replica"},
      {"object_lock", "object lock of the dumps' buckets"},
      {"encryption_repository", "default encryption"},
      {"encryption_dumps", "default encryption"},
      {"encryption_replica", "default encryption"},
      {"public_access", "the block of public access, for each bucket"},
      {"replication", "replication of the dumps"},
  };
  return all;
}

app::IamOptions options_of(const IamFlags& flags) {
  app::IamOptions options = flags.options;
  for (const std::string& text : flags.principals) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      throw base::Error(base::ErrorKind::invalid,
                        fmt::format("--principal '{}' is not ROLE=ARN", text),
                        "as in --principal writer=arn:aws:iam::111122223333:user/backup");
    }
    options.principals[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return options;
}

void iam(const Globals& globals, const IamFlags& flags) {
  const app::Context context = globals.context();
  const app::IamOptions options = options_of(flags);
  const auto sql = [&] {
    return app::postgres_rights(context.policy(), context.cluster_database(), flags.major);
  };
  if (flags.document == "postgres") return fmt::print("{}", sql());
  if (!flags.document.empty())
    return fmt::print("{}", app::iam_document(context.policy(), options, flags.document));
  base::Json json = base::Json::object();
  for (const auto& [name, what] : documents()) {
    try {
      const std::string text = app::iam_document(context.policy(), options, name);
      json[name] = base::parse_json(text, name);
      if (!globals.json) fmt::print("// {}: {}\n{}\n", name, what, text);
    } catch (const base::Error& failure) {
      if (failure.kind() != base::ErrorKind::invalid) throw;
      if (!globals.json)
        fmt::print("// {}: not printed, as {} ({})\n\n", name, failure.message(), failure.hint());
    }
  }
  json["postgres"] = sql();
  if (globals.json) return print_json(json);
  fmt::print("-- postgres: the role that database.url names\n{}", sql());
}

}  // namespace

void add_policy(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand("policy", "what the policy asks of others, printed");
  command->require_subcommand(1);
  auto flags = std::make_shared<IamFlags>();  // outlives this function with the callback
  CLI::App* print = command->add_subcommand("iam", "least privilege for each role, ready to paste");
  print
      ->add_option(
          "document", flags->document,
          "only this one: writer, pruner, restorer, watcher, key, bucket_dumps, ..., postgres")
      ->type_name("NAME");
  print->add_option("--account", flags->options.account, "AWS's number of the account");
  print->add_option("--partition", flags->options.partition, "aws, aws-cn, aws-us-gov");
  print->add_option("--key", flags->options.key, "of the KMS key")->type_name("ARN");
  print->add_option("--replica-key", flags->options.replica_key, "of the replica's KMS key")
      ->type_name("ARN");
  print->add_option("--principal", flags->principals, "another identity than NAME-backup-ROLE")
      ->type_name("ROLE=ARN");
  print->add_option("--pg-major", flags->major, "of the server, for the names of its functions");
  print->footer(
      "Examples:\n"
      "  seawall policy iam --account 111122223333 --key arn:aws:kms:...:key/...\n"
      "  seawall policy iam writer --account 111122223333 >writer.json\n"
      "  seawall policy iam postgres | psql app");
  print->callback([&globals, flags] { iam(globals, *flags); });

  CLI::App* schema = command->add_subcommand("schema", "the JSON Schema of a policy, for editors");
  schema->callback([] { fmt::print("{}", policy::json_schema()); });
}

}  // namespace cli
