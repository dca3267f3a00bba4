// wal push and wal get are what PostgreSQL itself runs: their exit status is a contract.
#include <fcntl.h>
#include <spawn.h>
#include <sys/file.h>
#include <unistd.h>

#include "app/push_client.h"
#include "base/log.h"
#include "cli/command.h"
#include "layers/pitr/get.h"
#include "layers/pitr/push.h"

namespace cli {

namespace {

constexpr unsigned prefetch_segments = 16;

struct WalOptions {
  std::optional<std::string> repository;  // URL, instead of the policy's
  std::string file;
  std::string to;
  std::optional<std::string> plan;
};

// The repository of the restore's policy, of a URL, or of the policy, with what it borrows.
class OpenRepository {
 public:
  OpenRepository(const Globals& globals, const WalOptions& options,
                 const std::optional<layers::GetPlan>& plan) {
    if (options.repository) {
      store_ = app::open_store(policy::parse_store(*options.repository), {}, {});
      repository_ = repository::Repository::open(*store_, nullptr, globals.token());
    } else {
      if (plan) app::take_environment(plan->policy);
      context_.emplace(plan ? plan->policy : globals.policy());
      repository_ = context_->repository(globals.token());
    }
  }
  const repository::Repository& get() const { return *repository_; }

 private:
  std::unique_ptr<storage::ObjectStore> store_;
  std::optional<app::Context> context_;
  std::optional<repository::Repository> repository_;
};

// By the daemon, if it has this policy; else by ourselves.
void push(const Globals& globals, const WalOptions& options) {
  if (options.repository) {
    const OpenRepository repository(globals, options, std::nullopt);
    return layers::push_wal(repository.get(), options.file, {}, globals.token());
  }
  const base::Path file = app::find_policy(globals.policy_file);
  app::PushOrder order{.policy_file = file,
                       .policy_text = {},
                       .environment = app::take_environment(file),
                       .file = options.file};
  order.policy_text = base::read_text_file(file, base::MiB);
  policy::Policy policy = policy::parse(order.policy_text, file.string());
  std::string why;
  if (app::push_by_daemon(policy.run.socket, order, why, globals.token())) return;
  base::debug("{}: wal push works by itself", why);
  app::Context context(file, std::move(policy));
  context.give_up_after(app::push_deadline);
  layers::push_wal(context.repository(globals.token()), options.file, {}, globals.token());
}

// One line, whole, as PostgreSQL's log has it among others'.
void push_for_postgres(Globals& globals, const WalOptions& options) {
  try {
    push(globals, options);
  } catch (const base::Error& failure) {
    if (globals.json) throw;
    fmt::print(stderr, "seawall: error: {}{}{}\n", failure.message(),
               failure.hint().empty() ? "" : "; ", failure.hint());
    globals.exit_code = base::exit_code(failure.kind());
  }
}

// Starts `seawall wal prefetch`, so that PostgreSQL has its segment at once. One at a time: the new
// process inherits the spool's lock and holds it while it lives.
void prefetch_in_background(const layers::GetPlan& plan, const WalOptions& options) {
  if (layers::spooled(plan) > prefetch_segments / 2) return;
  const base::File lock = base::File::open(plan.spool / "lock", O_RDWR | O_CREAT);
  if (flock(lock.descriptor(), LOCK_EX | LOCK_NB) != 0) return;  // one is at work
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, lock.descriptor(), lock.descriptor());  // not closed
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  std::vector<std::string> words = {"seawall", "wal",         "prefetch",
                                    "--plan",  *options.plan, options.file};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int failed =
      posix_spawn(&child, "/proc/self/exe", &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) base::debug("no prefetching: {}", strerror(failed));
}

repository::Epoch epoch_of(const repository::Repository& repository,
                           std::optional<repository::EpochNumber> number, std::stop_token stop) {
  for (repository::Epoch& epoch : repository.epochs(stop)) {
    if (number && epoch.number == *number) return epoch;
  }
  const std::optional<repository::Epoch> current = repository.current_epoch(stop);
  if (number || !current)
    throw base::Error(base::ErrorKind::corrupt, "the repository does not know its epoch");
  return *current;
}

// What prefetch_in_background starts. It tells nobody how it went: a segment's own turn will say
// what is wrong with it.
void prefetch(const Globals& globals, const WalOptions& options) {
  const layers::GetPlan plan = layers::read_get_plan(*options.plan);
  const OpenRepository repository(globals, options, plan);
  const repository::WalArchive archive(repository.get(),
                                       epoch_of(repository.get(), plan.epoch, globals.token()));
  layers::prefetch_wal(archive, plan, options.file, prefetch_segments, 2, globals.token());
}

int get(const Globals& globals, const WalOptions& options) {
  std::optional<layers::GetPlan> plan;
  if (options.plan) plan = layers::read_get_plan(*options.plan);
  if (plan && layers::take_from_spool(*plan, options.file, options.to) &&
      layers::spooled(*plan) > prefetch_segments / 2)
    return 0;
  const OpenRepository repository(globals, options, plan);
  std::optional<repository::EpochNumber> number;
  if (plan) number = plan->epoch;
  const repository::WalArchive archive(repository.get(),
                                       epoch_of(repository.get(), number, globals.token()));
  const bool there = std::filesystem::exists(options.to);
  const layers::GetRequest request{
      .name = options.file,
      .to = std::filesystem::absolute(options.to),  // to be found in an error
      .plan = plan ? &*plan : nullptr};
  if (!there && layers::get_wal(archive, request, globals.token()) == layers::GetOutcome::absent)
    return 1;
  if (plan) prefetch_in_background(*plan, options);
  return 0;
}

}  // namespace

void add_wal(CLI::App& program, Globals& globals) {
  CLI::App* command = program.add_subcommand("wal", "archive the write-ahead log and give it back");
  command->require_subcommand(1);
  add_wal_for_people(*command, globals);
  auto options = std::make_shared<WalOptions>();  // shared by the callbacks of both, which outlive
                                                  // this function

  CLI::App* push_command = command->add_subcommand("push", "archive one file: archive_command");
  push_command->add_option("file", options->file, "%p")->required();
  push_command->add_option("--repository", options->repository, "instead of the policy's")
      ->type_name("URL");
  push_command->footer(
      "Example, in postgresql.conf:\n  archive_command = 'seawall --policy "
      "/etc/seawall/seawall.yaml wal push %p'");
  push_command->callback([&globals, options] { push_for_postgres(globals, *options); });

  CLI::App* prefetch_command = command->add_subcommand("prefetch")->group("");  // not in the help
  prefetch_command->add_option("file", options->file)->required();
  prefetch_command->add_option("--plan", options->plan)->required();
  prefetch_command->callback([&globals, options] { prefetch(globals, *options); });

  CLI::App* get_command = command->add_subcommand("get", "fetch one file: restore_command");
  get_command->add_option("file", options->file, "%f")->required();
  get_command->add_option("to", options->to, "%p")->required();
  get_command->add_option("--repository", options->repository, "instead of the policy's")
      ->type_name("URL");
  get_command
      ->add_option("--plan", options->plan,
                   "the restore that this serves, as 'seawall restore' writes it")
      ->type_name("FILE");
  get_command->footer(
      "Exit status: 0 fetched, 1 not in the archive, above 125 any other trouble, so that recovery "
      "stops instead of ending early.\n"
      "Example, in postgresql.conf:\n  restore_command = 'seawall --policy "
      "/etc/seawall/seawall.yaml wal get %f %p'");
  get_command->callback([&globals, options] {
    try {
      globals.exit_code = get(globals, *options);
    } catch (const base::Error& failure) {
      base::warn("{}{}{}", failure.message(), failure.hint().empty() ? "" : "; ", failure.hint());
      if (options->plan) layers::note_failure(*options->plan, failure);
      globals.exit_code = layers::restore_command_status(failure.kind());
    }
  });
}

}  // namespace cli
