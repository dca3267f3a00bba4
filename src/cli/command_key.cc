// Keys: made, copied, confirmed, replaced.
#include <fcntl.h>
#include <sys/stat.h>

#include "app/key_care.h"
#include "app/keys.h"
#include "cli/command.h"

namespace cli {

namespace {

using base::Error;
using base::ErrorKind;
using crypto::LocalKeyFile;

struct KeyOptions {
  std::string file;
  std::string to;
  std::string copy;
  std::string check;
  bool dry_run = false;
};

void print_key_file(const Globals& globals, const LocalKeyFile& key, const std::string& path) {
  if (globals.json) {
    print_json({{"file", path}, {"id", key.id()}, {"check", key.check()}});
    return;
  }
  fmt::print("{}: key {}, check {}\n", path, key.id(), key.check());
}

void create(const Globals& globals, const KeyOptions& options) {
  const LocalKeyFile key = LocalKeyFile::create(options.file, base::system_clock().now());
  print_key_file(globals, key, options.file);
  if (globals.json) return;
  fmt::print(
      "Whoever loses this file loses every backup that it seals. Now:\n"
      "  seawall key export {0} --to /media/safe/seawall.key    # another disk, another building\n"
      "  seawall key confirm {0} --copy /media/safe/seawall.key # until then status has a "
      "finding\n",
      options.file);
}

void export_key(const Globals& globals, const KeyOptions& options) {
  const LocalKeyFile key = LocalKeyFile::load(options.file);
  if (options.to == "-") {
    fmt::print("{}", key.text());
    return;
  }
  if (std::filesystem::exists(options.to)) {
    throw Error(ErrorKind::conflict, fmt::format("{} is there already", options.to),
                "a copy never goes over a file: name another");
  }
  base::write_file_durably(options.to, base::as_bytes(key.text()));
  print_key_file(globals, key, options.to);
}

bool is_same_file(const std::string& one, const std::string& other) {
  struct stat a {};
  struct stat b {};
  return stat(one.c_str(), &a) == 0 && stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

void confirm(const Globals& globals, const KeyOptions& options) {
  const LocalKeyFile key = LocalKeyFile::load(options.file);
  if (!options.copy.empty()) {
    if (is_same_file(options.file, options.copy)) {
      throw Error(ErrorKind::invalid,
                  fmt::format("{} is no copy: it is the file itself", options.copy),
                  "compare with what you keep elsewhere");
    }
    const LocalKeyFile copy = LocalKeyFile::load(options.copy);
    if (copy.text() != key.text()) {
      throw Error(
          ErrorKind::conflict,
          fmt::format("{} holds another key: {}, check {}", options.copy, copy.id(), copy.check()),
          fmt::format("{} is key {}, check {}", options.file, key.id(), key.check()));
    }
  } else if (options.check != key.check()) {
    throw Error(ErrorKind::conflict,
                fmt::format("{} is not the check of {}", options.check, options.file),
                "read it from the copy, not from this host");
  }
  app::Context context = globals.context();
  app::confirm_key(context.repository(globals.token()), key, base::system_clock().now(),
                   globals.token());
  if (globals.json) return print_json({{"confirmed", key.id()}});
  fmt::print("a copy of key {} is confirmed\n", key.id());
}

void rotate(const Globals& globals, const KeyOptions& options) {
  const policy::KeySource to = policy::parse_key(options.to);
  app::Context context = globals.context();
  const base::Path file = context.policy_file();
  const std::string text = app::with_new_key(base::read_text_file(file), file.string(), to);
  app::prove_key(to, globals.token());
  context.repository(globals.token());  // the old key opens what is there
  if (!options.dry_run) {
    struct stat facts {};
    const mode_t mode = stat(file.c_str(), &facts) == 0 ? facts.st_mode & 07777 : 0640;
    base::write_file_durably(file, base::as_bytes(text), mode);
  }
  if (globals.json) {
    return print_json({{"key", policy::print_key(to)}, {"changed", !options.dry_run}});
  }
  if (options.dry_run) {
    fmt::print("{}", text);
    return;
  }
  fmt::print(
      "{} now seals by {}; what is there opens by the key of before, which is retired.\n"
      "To be free of that one: seawall key rewrap --to {}\n",
      file.string(), policy::print_key(to), policy::print_key(to));
}

void rewrap(const Globals& globals, const KeyOptions& options) {
  const policy::KeySource to = policy::parse_key(options.to);
  app::Context context = globals.context();
  const std::vector<app::Rewrapped> all = app::rewrap_all(context, to, globals.token());
  if (all.empty())
    throw Error(ErrorKind::invalid,
                "the policy seals nothing on this host: there is nothing to rewrap");
  base::Json json = base::Json::array();
  for (const app::Rewrapped& one : all) {
    json.push_back({{"store", one.store},
                    {"objects", one.report.objects},
                    {"data_keys", one.report.data_keys},
                    {"rewrapped", one.report.rewrapped}});
    if (globals.json) continue;
    fmt::print("{}: {} objects by {} data keys, {} of them wrapped again\n", one.store,
               one.report.objects, one.report.data_keys, one.report.rewrapped);
  }
  if (globals.json) print_json(json);
}

}  // namespace

void add_key(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand("key", "make, copy and replace the keys that seal");
  command->require_subcommand(1);
  auto options = std::make_shared<KeyOptions>();  // shared by the callbacks, which outlive this

  const auto with_file = [&](const char* name, const char* what, auto work) {
    CLI::App* sub = command->add_subcommand(name, what);
    sub->add_option("file", options->file, "the key file")->required()->type_name("FILE");
    sub->callback([&globals, options, work] { work(globals, *options); });
    return sub;
  };
  with_file("create", "make a new key file, readable by its owner alone", create);
  with_file("show", "its id and check, no secret", [](const Globals& g, const KeyOptions& o) {
    print_key_file(g, LocalKeyFile::load(o.file), o.file);
  });
  CLI::App* copies = with_file("export", "write a copy, to be kept elsewhere", export_key);
  copies->add_option("--to", options->to, "the copy; - prints it")->required()->type_name("FILE");
  CLI::App* confirms =
      with_file("confirm", "say that a copy is kept elsewhere, and compare it", confirm);
  CLI::Option_group* how = confirms->add_option_group("copy", "what it is compared by");
  how->add_option("--copy", options->copy, "the copy itself")->type_name("FILE");
  how->add_option("--check", options->check, "the check that the copy shows")->type_name("DIGITS");
  how->require_option(1);

  CLI::App* hands = command->add_subcommand(
      "hand-over", "write what a host that may seal and not open needs to know into a folder");
  hands->add_option("folder", options->to, "its index_cache, or a folder to be copied there")
      ->required()
      ->type_name("FOLDER");
  hands->callback([&globals, options] {
    app::Context context = globals.context();
    const uint64_t objects =
        app::hand_over(context.repository(globals.token()), options->to, globals.token());
    if (globals.json) return print_json({{"folder", options->to}, {"objects", objects}});
    fmt::print("{} objects of the index are in {}\n", objects, options->to);
  });

  CLI::App* rotates = command->add_subcommand(
      "rotate",
      "seal by another key from now on; the policy is changed, old objects stay readable");
  rotates->add_option("--to", options->to, "the new key, as the policy writes one")
      ->required()
      ->type_name("KEY");
  rotates->add_flag("--dry-run", options->dry_run, "print the policy as it would be");
  rotates->callback([&globals, options] { rotate(globals, *options); });

  CLI::App* rewraps = command->add_subcommand(
      "rewrap", "let another key open all that is there, without writing any object anew");
  rewraps->add_option("--to", options->to, "that key, as the policy writes one")
      ->required()
      ->type_name("KEY");
  rewraps->callback([&globals, options] { rewrap(globals, *options); });
  command->footer(
      "Examples:\n"
      "  seawall key create /etc/seawall/repository.key\n"
      "  seawall key confirm /etc/seawall/repository.key --copy /media/safe/seawall.key\n"
      "  seawall key rotate --to alias/backup-2027 && seawall key rewrap --to alias/backup-2027");
}

}  // namespace cli
