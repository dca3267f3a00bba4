// wal push and wal get are what PostgreSQL itself runs: their exit status is a contract.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

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

std::unique_ptr<storage::ObjectStore> store_for(const Globals& globals,
                                                const std::optional<std::string>& url) {
  return app::open_store(url ? *url : globals.context().policy().repository.store.url());
}

void push(const Globals& globals, const WalOptions& options) {
  const std::unique_ptr<storage::ObjectStore> store = store_for(globals, options.repository);
  const repository::Repository repository = repository::Repository::open(*store, globals.token());
  layers::push_wal(repository, options.file, {}, globals.token());
}

// Goes on in a process of its own, so that PostgreSQL has its segment at once. One at a time: the
// spool's lock says so.
void prefetch_in_background(const repository::WalArchive& archive, const layers::GetPlan& plan,
                            const std::string& name) {
  if (layers::spooled(plan) > prefetch_segments / 2) return;
  if (fork() != 0) return;
  setsid();
  const int null = open("/dev/null", O_RDWR);
  for (int descriptor = 0; descriptor < 3; ++descriptor) dup2(null, descriptor);
  const int lock = open((plan.spool / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) _exit(0);
  try {
    layers::prefetch_wal(archive, plan, name, prefetch_segments, 2, {});
  } catch (const base::Error&) {
    _exit(1);  // the segment's own turn will say what is wrong
  }
  _exit(0);
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

int get(const Globals& globals, const WalOptions& options) {
  std::optional<layers::GetPlan> plan;
  if (options.plan) plan = layers::read_get_plan(*options.plan);
  if (plan && layers::take_from_spool(*plan, options.file, options.to) &&
      layers::spooled(*plan) > prefetch_segments / 2)
    return 0;
  const std::unique_ptr<storage::ObjectStore> store = plan && !options.repository
                                                          ? app::open_store(plan->store)
                                                          : store_for(globals, options.repository);
  const repository::Repository repository = repository::Repository::open(*store, globals.token());
  std::optional<repository::EpochNumber> number;
  if (plan) number = plan->epoch;
  const repository::WalArchive archive(repository, epoch_of(repository, number, globals.token()));
  const bool there = std::filesystem::exists(options.to);
  const layers::GetRequest request{
      .name = options.file,
      .to = std::filesystem::absolute(options.to),  // to be found in an error
      .plan = plan ? &*plan : nullptr};
  if (!there && layers::get_wal(archive, request, globals.token()) == layers::GetOutcome::absent)
    return 1;
  if (plan) prefetch_in_background(archive, *plan, options.file);
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
  push_command->callback([&globals, options] { push(globals, *options); });

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
