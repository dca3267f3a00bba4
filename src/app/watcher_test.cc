// Looks at a real repository in a folder, with an HTTP server that plays the services. It knows
// nothing of their rules: alert_routes_test.cc checks what they are sent.
#include "app/watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "repository/policy_log.h"
#include "testing/http_server.h"

namespace app {
namespace {

using base::Instant;
using base::Json;
using std::chrono::hours;
using std::chrono::minutes;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::HttpAnswer;
using testing::HttpRequest;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class World {
 public:
  World() {
    slot_ = std::chrono::floor<minutes>(begun_ - hours(6));
    setenv("SEAWALL_TEST_SLACK", (server_.url() + "/slack").c_str(), 1);
    setenv("SEAWALL_TEST_PING", (server_.url() + "/ping").c_str(), 1);
    setenv("SEAWALL_TEST_KEY", "key", 1);
    write_policy();
    app::Context context(policy_file());
    const auto repository =
        repository::Repository::create_or_open(context.store(), nullptr, begun_, {});
    repository::keep_policy(repository, base::read_text_file(policy_file()), begun_ - hours(20),
                            {});
  }

  base::Path policy_file() const { return folder_.path() / "seawall.yaml"; }
  base::Path store() const { return folder_.path() / "repository"; }

  // `times` after the test began.
  Look look(Watcher& watcher, base::Duration later) { return watcher.look(begun_ + later, {}); }

  // What was sent since this was last asked: "slack opened ...", by its path and a few words.
  std::vector<std::string> sent() {
    std::vector<std::string> words;
    const std::vector<HttpRequest> all = server_.requests();
    for (; seen_ < all.size(); ++seen_) {
      const HttpRequest& request = all[seen_];
      if (request.path() == "/ping") {
        words.push_back("ping");
      } else if (request.path() == "/slack") {
        words.push_back("slack: " + Json::parse(request.body)["text"].get<std::string>());
      } else {
        const Json body = Json::parse(request.body);
        words.push_back("page: " + body.value("event_action", "change") + " " +
                        body.value("dedup_key", ""));
      }
    }
    return words;
  }
  void answer(const std::string& path, HttpAnswer answer) {
    const std::lock_guard lock(mutex_);
    answers_[path] = std::move(answer);
  }

  // The slot's snapshot, as far as a judgement wants one.
  void take_snapshot() {
    app::Context context(policy_file());
    const repository::Repository repository = context.repository({});
    const repository::Epoch epoch = repository.begin_epoch({.number = {},
                                                            .system_identifier = 1,
                                                            .major = 15,
                                                            .segment_bytes = 16 * base::MiB,
                                                            .timeline = {1},
                                                            .begins_at = {},
                                                            .created = begun_,
                                                            .reason = "test"},
                                                           {});
    repository::SnapshotRoot root{.id = base::to_compact(slot_),
                                  .run = "r",
                                  .slot = slot_,
                                  .tiers = {"nightly"},
                                  .epoch = epoch.number};
    root.started = root.stopped = begun_;
    root.timeline = {1};
    repository.put_json(repository::snapshot_key(epoch.number, root.id), "snapshot",
                        repository::to_json(root), {});
  }

 private:
  void write_policy() {
    const auto of_day = slot_ - std::chrono::floor<std::chrono::days>(slot_);
    const auto minute = std::chrono::duration_cast<minutes>(of_day).count();
    const std::string text = fmt::format(
        "version: 1\nname: shop\ntimezone: UTC\n"
        "database: {{ url: \"postgresql://nobody@127.0.0.1:1/none\" }}\n"
        "repository: {{ store: \"file://{}\" }}\n"
        "layers:\n  snapshots:\n    nightly: {{ at: \"{:02}:{:02}\", retain: 30d }}\n"
        "monitor:\n"
        "  slack: {{ webhook: env:SEAWALL_TEST_SLACK, channel: \"#ops\", success: never }}\n"
        "  pagerduty: {{ routing_key: env:SEAWALL_TEST_KEY, endpoint: \"{}\" }}\n"
        "  heartbeat_ping: env:SEAWALL_TEST_PING\n",
        store().string(), minute / 60, minute % 60, server_.url());
    base::write_file_durably(policy_file(), base::as_bytes(text));
  }

  HttpAnswer reply(const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    const auto at = answers_.find(request.path());
    return at == answers_.end() ? HttpAnswer{.body = "{}"} : at->second;
  }

  const Instant begun_ = base::system_clock().now();
  Instant slot_;
  base::TemporaryFolder folder_;
  std::mutex mutex_;
  std::map<std::string, HttpAnswer> answers_;
  testing::HttpServer server_{[this](const HttpRequest& request) { return reply(request); }};
  size_t seen_ = 0;
};

struct Watch {
  explicit Watch(World& world, bool once = false)
      : context(world.policy_file()),
        watcher(context, {.once = once, .tell = true}, base::system_clock().now()) {}
  Context context;
  Watcher watcher;
};

constexpr const char* page = "page: trigger seawall/shop/missed:snapshots-nightly/1";
constexpr const char* all_clear = "page: resolve seawall/shop/missed:snapshots-nightly/1";

TEST(Watcher, pages_once_for_a_missed_run_again_after_a_while_and_says_when_it_is_mended) {
  World world;
  Watch watch(world);
  const Look first = world.look(watch.watcher, {});
  EXPECT_EQ(exit_code(first), 2);
  EXPECT_EQ(first.told, 2u);
  EXPECT_EQ(first.exposure, "Lost now, nothing of the database comes back.");
  const std::vector<std::string> sent = world.sent();
  EXPECT_THAT(sent, Contains(page));
  EXPECT_THAT(sent, Contains(HasSubstr("slack: shop: critical: snapshots nightly: the run due")));
  EXPECT_THAT(sent, Contains("ping"));
  EXPECT_THAT(sent, SizeIs(3));
  for (int i = 1; i < 20; ++i) world.look(watch.watcher, minutes(i));
  EXPECT_THAT(world.sent(), Not(Contains(HasSubstr("page"))));
  world.look(watch.watcher, hours(4));
  EXPECT_THAT(world.sent(), Contains(page));
  world.take_snapshot();
  world.look(watch.watcher, hours(4) + minutes(1));
  const std::vector<std::string> mended = world.sent();
  EXPECT_THAT(mended, Contains(all_clear));
  EXPECT_THAT(mended, Contains(HasSubstr("slack: shop: mended: snapshots nightly")));
  world.look(watch.watcher, hours(4) + minutes(2));
  EXPECT_THAT(world.sent(), ElementsAre("ping"));
}

TEST(Watcher, two_of_them_tell_once_and_one_takes_over_what_the_other_resolved_not) {
  World world;
  Watch first(world);
  Watch second(world, true);
  world.look(first.watcher, {});
  world.sent();
  EXPECT_EQ(world.look(second.watcher, minutes(1)).told, 0u);
  EXPECT_THAT(world.sent(), ElementsAre("ping"));
  world.take_snapshot();
  world.look(second.watcher, minutes(2));
  EXPECT_THAT(world.sent(), Contains(all_clear));
  EXPECT_EQ(world.look(first.watcher, minutes(3)).told, 0u);
}

TEST(Watcher, what_cannot_be_told_by_one_route_is_told_to_the_other_in_the_same_look) {
  World world;
  world.answer("/slack", {.status = 404, .body = "no_service"});
  Watch watch(world);
  const Look look = world.look(watch.watcher, {});
  EXPECT_THAT(look.untold, ElementsAre("slack: Slack answers 404: no_service"));
  EXPECT_THAT(world.sent(), Contains("page: trigger seawall/shop/undeliverable:slack/1"));
  const auto told =
      untold_findings(watch.context.policy(), watch.context.repository({}), look.at, {});
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0].what, HasSubstr("slack could not be told of 1 alert"));
  world.answer("/slack", {.body = "ok"});
  world.look(watch.watcher, minutes(2));
  EXPECT_THAT(world.sent(), Contains(HasSubstr("slack: shop: critical: snapshots")));
  world.look(watch.watcher, minutes(3));
  EXPECT_THAT(world.sent(), Contains("page: resolve seawall/shop/undeliverable:slack/1"));
}

TEST(Watcher, a_repository_that_is_gone_pages_and_mends_nothing_else) {
  World world;
  Watch watch(world);
  world.look(watch.watcher, {});
  world.sent();
  const base::Path elsewhere = world.store().string() + ".away";
  std::filesystem::rename(world.store(), elsewhere);
  const Look blind = world.look(watch.watcher, minutes(1));
  EXPECT_THAT(blind.blind, Not(IsEmpty()));
  EXPECT_EQ(exit_code(blind), 2);
  std::vector<std::string> sent = world.sent();
  EXPECT_THAT(sent, Contains("page: trigger seawall/shop/store:gone/1"));
  EXPECT_THAT(sent, Not(Contains(all_clear))) << "nobody knows that it is mended";
  EXPECT_THAT(sent, Not(Contains("ping"))) << "its silence pages";
  world.look(watch.watcher, minutes(2));
  EXPECT_THAT(world.sent(), IsEmpty());
  std::filesystem::remove_all(world.store());
  std::filesystem::rename(elsewhere, world.store());
  world.look(watch.watcher, minutes(3));
  sent = world.sent();
  EXPECT_THAT(sent, Contains("page: resolve seawall/shop/store:gone/1"));
  EXPECT_THAT(sent, Not(Contains(all_clear)));
  Watch next(world);
  EXPECT_EQ(world.look(next.watcher, minutes(4)).told, 0u)
      << "what could not be recorded then is recorded now";
}

TEST(Watcher, tells_what_its_process_knows_is_wrong_with_itself) {
  World world;
  Watch watch(world);
  world.look(watch.watcher, {});
  world.sent();
  watch.watcher.set_own_findings({{.severity = monitor::Severity::critical,
                                   .what = "the new policy cannot be read",
                                   .remedy = "mend it",
                                   .key = "daemon:policy",
                                   .section = "daemon",
                                   .since = {}}});
  world.look(watch.watcher, minutes(1));
  EXPECT_THAT(world.sent(), Contains("page: trigger seawall/shop/daemon:policy/1"));
  watch.watcher.set_own_findings({});
  world.look(watch.watcher, minutes(2));
  EXPECT_THAT(world.sent(), Contains("page: resolve seawall/shop/daemon:policy/1"));
}

TEST(Watcher, a_dead_mans_switch_that_cannot_be_told_is_told_of) {
  World world;
  world.answer("/ping", {.status = 500});
  Watch watch(world);
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(world.look(watch.watcher, minutes(i)).ping_failed, HasSubstr("500"));
  world.sent();
  world.look(watch.watcher, minutes(4));
  EXPECT_THAT(world.sent(), Contains(HasSubstr("the dead man's switch cannot be told")));
}

}  // namespace
}  // namespace app
