#include "cli/rescue.h"

#include <unistd.h>

#include <charconv>
#include <iostream>

#include "app/cluster_restore.h"
#include "app/judgement.h"
#include "app/restored_server.h"
#include "app/timeline_picture.h"
#include "cli/restore_advice.h"
#include "policy/duration.h"
#include "policy/moment.h"

namespace cli {

using base::Error;
using base::ErrorKind;
using base::Instant;
using layers::Transaction;

base::Instant moment_or_ago(const std::string& text, Instant now) {
  std::optional<base::Duration> ago;
  try {
    ago = policy::parse_duration(text);
  } catch (const Error& failure) {
    if (failure.kind() != ErrorKind::invalid) throw;
  }
  return ago ? now - *ago : policy::parse_moment(text);
}

app::SearchRequest search_of(const RescueOptions& options, Instant now) {
  app::SearchRequest request;
  request.since = moment_or_ago(options.since, now);
  request.until = options.until.empty() ? Instant::max() - std::chrono::hours(1)
                                        : moment_or_ago(options.until, now);
  request.tables = options.tables;
  request.top = options.top;
  if (options.undo != 0) request.xid = options.undo;
  if (options.timeline != 0) request.timeline = postgres::Timeline{options.timeline};
  if (options.epoch != 0) request.epoch = repository::EpochNumber{options.epoch};
  return request;
}

app::FoundTransactions search(const Globals& globals, const app::Context& context,
                              const repository::Repository& repository,
                              const app::SearchRequest& request) {
  std::atomic<uint64_t> segment{0};
  ProgressLine line(globals,
                    [&] { return fmt::format("reading the log: segment {}", segment.load()); });
  app::FoundTransactions found =
      app::find_transactions(context, repository, request, segment, globals.token());
  line.finish();
  return found;
}

void print_transactions(const app::FoundTransactions& found, const policy::Zone& zone) {
  std::vector<std::vector<std::string>> rows = {{"", "committed", "xid", "what it did"}};
  size_t number = 0;
  for (const Transaction& one : found.listing.transactions) {
    const std::string moment = policy::describe_moment(one.committed, zone);
    const std::vector<std::string> deeds = app::deeds_of(one, found.names);
    rows.push_back({fmt::format("{}", ++number), moment.substr(0, moment.find(' ', 11)),
                    std::to_string(one.xid), deeds.empty() ? "nothing to rows" : deeds[0]});
    constexpr size_t shown_max = 4;
    for (size_t i = 1; i < std::min(deeds.size(), shown_max); ++i)
      rows.push_back({"", "", "", deeds[i]});
    if (deeds.size() > shown_max)
      rows.push_back({"", "", "", fmt::format("and {} more", deeds.size() - shown_max)});
  }
  if (number > 0) print_table(rows);
  const layers::TransactionListing& listing = found.listing;
  fmt::print("{} transactions committed in that time on timeline {}, {} were rolled back{}\n",
             app::grouped(listing.commits), found.timeline.value, app::grouped(listing.aborts),
             listing.transactions.size() < listing.commits
                 ? fmt::format("; shown are the {} that changed or removed the most",
                               listing.transactions.size())
                 : "");
  for (const auto& gap : listing.gaps) {
    fmt::print("not read: the log from {} to {} ({})\n", to_string(gap.begin), to_string(gap.end),
               gap.why);
  }
  if (listing.forgotten > 0)
    fmt::print("{} small transactions under way at once were not counted\n",
               app::grouped(listing.forgotten));
  if (!found.why_nameless.empty())
    fmt::print("relations have no names here, as the live server cannot be asked: {}\n",
               found.why_nameless);
}

namespace {

// Where the restore is to end, and from when on work is lost.
struct Choice {
  layers::RestoreTarget target;
  Instant lost_since;
  std::optional<Transaction> undone;
};

struct Check {
  std::string what;
  bool good = true;
  std::string seen;
};

// The same target for `seawall restore` and its like.
std::string option_of(const layers::RestoreTarget& target) {
  if (const auto* lsn = std::get_if<layers::TargetLsn>(&target))
    return "--lsn " + to_string(lsn->lsn);
  const auto* time = std::get_if<layers::TargetTime>(&target);
  return time != nullptr ? "--at " + base::to_rfc3339(time->time) : "--at latest";
}

class Rescue {
 public:
  Rescue(Globals& globals, const RescueOptions& options)
      : globals_(globals),
        options_(options),
        context_(globals.context()),
        repository_(context_.repository(globals.token())),
        now_(base::system_clock().now()) {}

  void run() {
    show_what_there_is();
    const std::optional<Choice> choice = choose();
    if (!choice) return finish("nothing was chosen, and nothing was done");
    const std::optional<app::ClusterRestore> job = plan(*choice);
    if (!job) return finish("nothing was done");
    restore(*job);
    check(*job, *choice);
    tell_what_was_lost(*job, *choice);
    if (globals_.json) print_json(json_);
  }

 private:
  template <typename... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) const {
    if (!globals_.json) fmt::print(format, std::forward<Args>(args)...);
  }

  bool can_ask() const { return !globals_.json && isatty(STDIN_FILENO) != 0; }

  // Empty at the end of the input.
  std::string ask(const std::string& question) const {
    fmt::print("{}", question);
    std::fflush(stdout);
    std::string answer;
    std::getline(std::cin, answer);
    return answer;
  }

  void finish(const std::string& words) {
    json_["done"] = false;
    if (globals_.json) return print_json(json_);
    fmt::print("\n{}\n", words);
    if (!can_ask()) {
      fmt::print(
          "to go on without being asked: seawall rescue --undo XID (or --at TIME) --to FOLDER "
          "--yes\n");
    }
  }

  void show_what_there_is() {
    app::Judgement current = app::judge(context_, repository_, now_, globals_.token());
    found_ = search(globals_, context_, repository_, search_of(options_, now_));
    const Instant begin = current.status.window_begins
                              ? std::max(*current.status.window_begins - std::chrono::minutes(1),
                                         now_ - std::chrono::hours(24 * 60))
                              : now_ - std::chrono::hours(24);
    app::TimelineFacts facts = app::timeline_facts(current.catalog, begin, now_);
    for (const Transaction& one : found_->listing.transactions)
      facts.marks.push_back(one.committed);
    const policy::Zone& zone = context_.policy().timezone;
    constexpr size_t width = 64;
    say("what can be brought back (S snapshot, = log, x hole, * transactions below)\n{}",
        app::timeline_picture(facts, zone, width));
    if (current.status.last_transaction)
      say("last commit in the archive: {}\n",
          policy::describe_moment(*current.status.last_transaction, zone));
    for (const monitor::Finding& finding : current.status.findings) {
      if (finding.severity == monitor::Severity::critical) say("critical: {}\n", finding.what);
    }
    say("\n");
    if (!globals_.json) print_transactions(*found_, zone);
    json_["status"] = monitor::to_json(current.status);
    json_["found"] = app::to_json(*found_);
  }

  Choice before(const Transaction& one) const {
    return {.target = layers::TargetLsn{one.before}, .lost_since = one.committed, .undone = one};
  }

  Choice at(const std::string& text) const {
    const Instant time = policy::parse_moment(text);
    return {.target = layers::TargetTime{time},
            .lost_since = time + base::Duration(1),
            .undone = std::nullopt};
  }

  const Transaction& listed(uint32_t xid) const {
    for (const Transaction& one : found_->listing.transactions) {
      if (one.xid == xid) return one;
    }
    throw Error(ErrorKind::absent,
                fmt::format("no transaction {} committed in the time that was searched", xid),
                "--since and --until say which time that is");
  }

  std::optional<Choice> choose() const {
    if (options_.undo != 0) return before(listed(options_.undo));
    if (!options_.at.empty()) return at(options_.at);
    if (!can_ask()) return std::nullopt;
    const std::string answer =
        ask("\nto just before which? a number from the list, a time with its zone, or nothing to "
            "stop: ");
    if (answer.empty()) return std::nullopt;
    size_t number = 0;
    const char* const end = answer.data() + answer.size();
    const auto [after, failed] = std::from_chars(answer.data(), end, number);
    if (failed != std::errc{} || after != end) return at(answer);
    if (number < 1 || number > found_->listing.transactions.size())
      throw base::error(ErrorKind::invalid, "there is no number {} in the list", number);
    return before(found_->listing.transactions[number - 1]);
  }

  // Nothing when the answer was no.
  std::optional<app::ClusterRestore> plan(const Choice& choice) {
    std::string to = options_.to;
    if (to.empty() && can_ask()) to = ask("into which new folder? ");
    if (to.empty())
      throw Error(ErrorKind::invalid, "no folder is named to restore into", "name one with --to");
    plan_ = layers::plan_restore(
        repository_,
        {.target = choice.target, .timeline = found_->timeline, .epoch = found_->epoch},
        globals_.token());
    app::ClusterRestore job;
    job.files.target = std::filesystem::absolute(to).lexically_normal();
    job.files.tablespaces = tablespace_places(options_.tablespaces);
    job.files.threads = context_.threads();
    if (!options_.configuration.empty())
      job.files.configuration = std::filesystem::absolute(options_.configuration);
    if (!options_.programs.empty()) job.programs = options_.programs;
    app::require_possible(*plan_, job);
    const layers::RestoreEstimate expected =
        layers::estimate(repository_, *plan_, context_.threads(), globals_.token());
    json_["plan"] = to_json(*plan_);
    say("\n");
    if (!globals_.json) print_plan(*plan_, expected, context_.policy());
    say("  into         {}\n", job.files.target.string());
    if (options_.yes) return job;
    if (!can_ask()) {
      throw Error(ErrorKind::invalid, "nobody can be asked whether to do it",
                  "say so with --yes; 'seawall restore --dry-run' shows a plan alone");
    }
    const std::string answer = ask("\ndo it? [y/N] ");
    return answer == "y" || answer == "Y" || answer == "yes" ? std::optional(job) : std::nullopt;
  }

  void restore(const app::ClusterRestore& job) {
    app::ClusterRestoreProgress progress;
    ProgressLine line(globals_, [&] { return progress.text(); });
    restored_ =
        app::restore_cluster(context_, repository_, *plan_, job, progress, globals_.token());
    line.finish();
    say("\nrestored to {} in {}\n", to_string(restored_.recovered.reached),
        base::human_duration(restored_.total_time));
    if (!restored_.recovered.emptied.empty())
      say("emptied, as the policy says: {}\n", fmt::join(restored_.recovered.emptied, ", "));
    json_["done"] = true;
    json_["restored"] = {
        {"folder", job.files.target.string()},
        {"reached", to_string(restored_.recovered.reached)},
        {"emptied", restored_.recovered.emptied},
        {"total_seconds", std::chrono::duration<double>(restored_.total_time).count()}};
  }

  static std::optional<int64_t> rows_of(postgres::Connection& connection,
                                        const std::string& table) {
    try {
      return connection.query("select count(*) from " + table).number(0, 0);
    } catch (const Error& failure) {
      if (failure.kind() == ErrorKind::cancelled) throw;
      return std::nullopt;  // gone, or too large to be counted in a minute
    }
  }

  // Of the restored cluster: what must be empty is, what was to come back is there.
  void check(const app::ClusterRestore& job, const Choice& choice) {
    app::RestoredServer server(*plan_, job.files.target, job.programs);
    std::vector<Check> checks;
    {
      postgres::Connection connection =
          server.connect(context_.cluster_database(), globals_.token());
      connection.simple("set statement_timeout = '60s'");
      for (const std::string& table : restored_.recovered.emptied) {
        const std::optional<int64_t> rows = rows_of(connection, table);
        checks.push_back(
            {.what = table + " is empty",
             .good = rows == 0,
             .seen = rows ? fmt::format("{} rows", *rows) : "it could not be counted"});
      }
      if (choice.undone) add_restored_tables(connection, *choice.undone, checks);
    }
    server.shut_down();
    base::Json json = base::Json::array();
    say("\nchecks\n");
    for (const Check& one : checks) {
      say("  {:<5} {}: {}\n", one.good ? "good" : "BAD", one.what, one.seen);
      json.push_back({{"what", one.what}, {"good", one.good}, {"seen", one.seen}});
      if (!one.good) globals_.exit_code = base::exit_code(ErrorKind::corrupt);
    }
    if (checks.empty())
      say("  none were asked for: no table is emptied by the policy, no transaction undone\n");
    json_["checks"] = std::move(json);
  }

  // Here everything has its name again, also what is dropped in the live server.
  void add_restored_tables(postgres::Connection& connection, const Transaction& undone,
                           std::vector<Check>& checks) {
    std::set<postgres::RelationFile> files(undone.removed.begin(), undone.removed.end());
    for (const auto& [file, rows] : undone.changed) files.insert(file);
    const layers::RelationNames names = layers::name_relations(connection, files);
    for (const auto& [file, name] : names) found_->names.insert_or_assign(file, name);
    std::optional<postgres::Connection> live;
    if (found_->why_nameless.empty()) {
      live.emplace(app::connection_url(context_.policy().database.connection));
      live->simple("set statement_timeout = '60s'");
    }
    std::set<std::string> told;
    for (const auto& [file, name] : names) {
      if (name.catalog || name.large_values || !told.insert(name.name).second) continue;
      const std::string kind =
          connection.query("select relkind from pg_class where oid = $1::regclass", {name.name})
              .text(0, 0);
      if (kind != "r" && kind != "p" && kind != "m") continue;
      const std::optional<int64_t> rows = rows_of(connection, name.name);
      const std::optional<int64_t> now = live ? rows_of(*live, name.name) : std::nullopt;
      checks.push_back(
          {.what = name.name + " can be read",
           .good = rows.has_value(),
           .seen = fmt::format("{} rows here, {} in the live server",
                               rows ? app::grouped(static_cast<uint64_t>(*rows)) : "no",
                               now ? app::grouped(static_cast<uint64_t>(*now)) : "no")});
    }
  }

  void tell_what_was_lost(const app::ClusterRestore& job, const Choice& choice) {
    app::SearchRequest request = search_of(options_, now_);
    request.since = choice.lost_since;
    request.until = Instant::max() - std::chrono::hours(1);
    request.tables.clear();
    request.timeline = found_->timeline;
    request.epoch = found_->epoch;
    const app::FoundTransactions lost = search(globals_, context_, repository_, request);
    layers::RelationNames names = lost.names;
    for (const auto& [file, name] : found_->names) names.insert({file, name});
    say("\nnot in it: {} transactions that committed from {} to the end of the archived log\n",
        app::grouped(lost.listing.commits),
        policy::describe_moment(choice.lost_since, context_.policy().timezone));
    for (const auto& [file, rows] : lost.listing.totals) {
      const auto name = names.find(file);
      if (name != names.end() && name->second.large_values) continue;
      say("  {}: {} inserted, {} updated, {} deleted\n", app::name_of(file, names),
          app::grouped(rows.inserted), app::grouped(rows.updated), app::grouped(rows.deleted));
    }
    if (choice.undone) say("the one undone, {}, is among them\n", choice.undone->xid);
    json_["lost"] = app::to_json(lost);
    say("\nnext\n"
        "  1. {}"
        "  2. look at it with nobody let in but you; not right? rescue again, into another folder\n"
        "  3. take over from the live database what is not in it: seawall rescue transactions "
        "--since \"{}\" lists it\n"
        "  4. only when it takes the old one's place, and that one is stopped for good: ALTER "
        "SYSTEM RESET archive_mode, restart, seawall backup snapshots\n"
        "  or bring back single tables into the live database: seawall restore table TABLE {} "
        "--into URL\n",
        advice_to_start(plan_->snapshot, job.files.target, job.files.configuration),
        base::to_rfc3339(choice.lost_since), option_of(choice.target));
  }

  Globals& globals_;
  const RescueOptions& options_;
  app::Context context_;
  repository::Repository repository_;
  Instant now_;
  std::optional<app::FoundTransactions> found_;
  std::optional<layers::RestorePlan> plan_;
  app::RestoredCluster restored_;
  base::Json json_ = base::Json::object();
};

}  // namespace

void rescue(Globals& globals, const RescueOptions& options) { Rescue(globals, options).run(); }

}  // namespace cli
