#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "documents/print.h"
#include "documents/runbooks.h"
#include "documents/strategy.h"
#include "monitor/runbook_sections.h"

namespace documents {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* policy_text = R"(version: 1
name: shop
timezone: Asia/Singapore
database: { url: postgresql:///shop }
repository:
  store: s3://shop-repository-eu-west-2
  encryption: { key: file:/etc/seawall/shop.key }
# Snapshots are quick,
# dumps are portable.
layers:
  pitr: { retain: 7d }
  snapshots:
    nightly: { at: "03:00", retain: 30d }
    weekly: { at: "Sun 03:00", retain: 12w }
  dumps:
    nightly:
      at: "03:30"
      retain: 90d
      store: s3://shop-backups-eu-west-2
      encryption: { key: file:/etc/seawall/shop.key }
      lock: { mode: governance, for: 30d }
      replica: { store: s3://shop-backups-eu-west-1, key: file:/etc/seawall/other.key }
exclude:
  # They would run twice.
  rows_of: [pgboss.job]
  notes: [{ what: "a <b>cache</b> | more", why: "it *rebuilds*" }]
objectives: { rto: 15m, rpo: 1m }
monitor:
  slack: { webhook: env:SLACK_URL, channel: "#spade-ops" }
  pagerduty: { routing_key: file:/etc/seawall/pagerduty }
  heartbeat_ping: env:PING_URL
drill: { weekly: Sun 06:00, quarterly: true }
uncovered: [{ what: "file uploads", why: "nobody carries them" }]
)";

const policy::Policy& sample_policy() {
  static const policy::Policy policy = policy::parse(policy_text, "seawall.yaml");
  return policy;
}

Facts sample_facts() {
  return {.policy = sample_policy(),
          .policy_file = "/etc/sea wall/it's.yaml",
          .policy_text = policy_text,
          .now = base::from_rfc3339("2026-11-22T06:00:00Z"),
          .host = "db1",
          .database = "shop",
          .psql = "postgresql:///shop",
          .server = "db1:5432",
          .major = 15,
          .evidence = {},
          .why_none = "the repository is away"};
}

Facts facts_with_evidence() {
  Facts facts = sample_facts();
  Evidence evidence;
  evidence.status.now = facts.now;
  const base::Instant night = base::from_rfc3339("2026-11-21T19:04:00Z");
  evidence.status.rows = {
      {.layer = "pitr",
       .tier = "",
       .last_success = night,
       .newest_restorable = night,
       .state = "ok"},
      {.layer = "snapshots", .tier = "nightly", .last_success = night, .state = "missed"},
      {.layer = "dumps", .tier = "nightly", .last_success = night, .state = "ok"}};
  evidence.status.findings = {
      {monitor::Severity::critical, "snapshots nightly: missed", "seawall backup snapshots"}};
  evidence.dumps["nightly"] = {.newest = "shop_2026-11-22.dump",
                               .lock = "locked until 2026-12-21",
                               .copy = "shop_2026-11-22.dump is there, and the same"};
  facts.evidence = std::move(evidence);
  facts.why_none.clear();
  return facts;
}

std::vector<Document> all_of(const Facts& facts) {
  std::vector<Document> all;
  if (facts.evidence) all.push_back(strategy(facts));
  all.push_back(retention_policy(facts));
  all.push_back(restore_drill(facts));
  all.push_back(secret_rotation(facts));
  all.push_back(incident(facts));
  return all;
}

TEST(Print, shows_what_is_put_in_as_it_is) {
  Document document("a", "T & <t>");
  document.paragraph("1. *no* [link](x) <b> a_b _c_ `d` | & done");
  document.paragraph(code("a `b` | c") + " " + strong("<i>"));
  document.table({"h|1"}, {{"x\ny" + code("p|q")}});
  document.commands({"echo '```' \"a\nb\""});
  const std::string markdown = print(document, Format::markdown);
  EXPECT_THAT(markdown, HasSubstr("# T \\& \\<t\\>"));
  EXPECT_THAT(markdown,
              HasSubstr("1\\. \\*no\\* \\[link\\](x) \\<b\\> a_b \\_c\\_ \\`d\\` \\| \\& done"));
  EXPECT_THAT(markdown, HasSubstr("``a `b` | c`` **\\<i\\>**"));
  EXPECT_THAT(markdown, HasSubstr("| h\\|1 |\n|---|\n| x y`p\\|q` |"));
  EXPECT_THAT(markdown, HasSubstr("````sh\necho '```' \"a b\"\n````"));
  const std::string html = print(document, Format::html);
  EXPECT_THAT(html, HasSubstr("<h1>T &amp; &lt;t&gt;</h1>"));
  EXPECT_THAT(html, HasSubstr("<code>a `b` | c</code> <strong>&lt;i&gt;</strong>"));
  EXPECT_THAT(html, Not(HasSubstr("<b>")));
}

TEST(Print, links_are_relative_to_the_document) {
  EXPECT_EQ(relative_link("backup-strategy", "runbooks/incident#clock", Format::markdown),
            "runbooks/incident.md#clock");
  EXPECT_EQ(relative_link("runbooks/restore-drill", "runbooks/incident#clock", Format::html),
            "incident.html#clock");
  EXPECT_EQ(relative_link("docs/retention-policy", "runbooks/incident", Format::markdown),
            "../runbooks/incident.md");
  EXPECT_EQ(relative_link("docs/retention-policy", "backup-strategy", Format::markdown),
            "../backup-strategy.md");
  EXPECT_EQ(relative_link("a", "#here", Format::html), "#here");
}

TEST(Shell, quotes_what_a_shell_would_read) {
  EXPECT_EQ(shell_word("/etc/seawall.yaml"), "/etc/seawall.yaml");
  EXPECT_EQ(shell_word("it's $(here)"), "'it'\\''s $(here)'");
  EXPECT_EQ(shell_word(""), "''");
}

TEST(Facts, take_the_owners_own_words) {
  EXPECT_EQ(comment_above(policy_text, "layers"), "Snapshots are quick, dumps are portable.");
  EXPECT_EQ(comment_above(policy_text, "rows_of"), "They would run twice.");
  EXPECT_EQ(comment_above(policy_text, "name"), "");
  EXPECT_EQ(comment_above("#\n##  a\n#b\nkey: 1\n", "key"), "a b");
}

TEST(Facts, say_times_as_people_do) {
  const policy::Zone zone = policy::Zone::named("Asia/Singapore");
  EXPECT_EQ(cadence_in_words(policy::parse_cadence("03:00"), zone), "Nightly 03:00 Asia/Singapore");
  EXPECT_EQ(cadence_in_words(policy::parse_cadence("14:05"), zone), "Daily 14:05 Asia/Singapore");
  EXPECT_EQ(cadence_in_words(policy::parse_cadence("Sun 03:00"), zone),
            "Sunday 03:00 Asia/Singapore");
  EXPECT_EQ(cadence_in_words(policy::parse_cadence("every 15m"), zone), "Every 15 minutes");
  EXPECT_EQ(minute_of(base::from_rfc3339("2026-11-22T16:07:59Z"), zone),
            "2026-11-23 00:07 Asia/Singapore");
}

TEST(Facts, a_restore_is_proven_only_by_what_restores_that) {
  Evidence evidence;
  const base::Instant day = base::from_rfc3339("2026-11-22T00:00:00Z");
  evidence.rehearsals = {{.kind = "latest", .at = day, .passed = true},
                         {.kind = "dump", .at = day, .passed = false},
                         {.kind = "moment", .at = day + std::chrono::hours(1), .passed = true}};
  ASSERT_NE(last_proven_restore(evidence, "pitr", ""), nullptr);
  EXPECT_EQ(last_proven_restore(evidence, "pitr", "")->kind, "moment");
  EXPECT_EQ(last_proven_restore(evidence, "dumps", "nightly"), nullptr);
  EXPECT_EQ(last_proven_restore(evidence, "snapshots", "weekly"), nullptr);
  EXPECT_NE(last_proven_restore(evidence, "snapshots", "nightly"), nullptr);
}

TEST(Strategy, says_of_each_line_what_is_true_of_it) {
  const Facts facts = facts_with_evidence();
  const std::vector<StrategyRow> rows = strategy_rows(facts);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[1].state, "missed");
  EXPECT_EQ(rows[3].locked_until, "locked until 2026-12-21");
  EXPECT_THAT(
      rows[3].copies,
      testing::ElementsAre("s3://shop-backups-eu-west-2 (eu-west-2)",
                           "s3://shop-backups-eu-west-1 (eu-west-1): shop_2026-11-22.dump is "
                           "there, and the same"));
  const std::string text = print(strategy(facts), Format::markdown);
  EXPECT_THAT(text, HasSubstr("| Layer | Cadence | Retention | Storage | Evidence |"));
  EXPECT_THAT(text, HasSubstr("last proven restore: **not drilled yet**"));
  EXPECT_THAT(text, HasSubstr("**missed**"));
  EXPECT_THAT(text, HasSubstr("Snapshots are quick, dumps are portable."));
  EXPECT_THAT(text, HasSubstr("Why: They would run twice."));
  EXPECT_THAT(text, HasSubstr("a \\<b\\>cache\\</b\\> \\| more"));
  EXPECT_THAT(text, HasSubstr("| file uploads | nobody carries them | **uncovered** |"));
}

TEST(Strategy, says_who_is_told_and_that_nobody_is) {
  const std::string text = print(strategy(facts_with_evidence()), Format::markdown);
  for (const char* words :
       {"Slack, **#spade-ops**", "successes in a digest, Daily 09:00 Asia/Singapore",
        "**PagerDuty**: what is critical pages on-call",
        "Missed backup alert threshold: 1 missed run pages on-call",
        "Weekly health check, Sunday 06:00 Asia/Singapore: [the restore drill]",
        "the address in `env:PING_URL`"})
    EXPECT_THAT(text, HasSubstr(words));
  const policy::Policy bare = policy::parse(
      "version: 1\nname: shop\ntimezone: UTC\ndatabase: { url: postgresql:///shop }\n"
      "repository: { store: file:///backup }\nlayers: { pitr: { retain: 7d }, snapshots: { a: { "
      "at: "
      "\"03:00\", retain: 30d } } }\n",
      "seawall.yaml");
  const Facts with = facts_with_evidence();
  const Facts facts{.policy = bare,
                    .policy_file = with.policy_file,
                    .policy_text = "",
                    .now = with.now,
                    .host = "db1",
                    .database = "shop",
                    .psql = "postgresql:///shop",
                    .server = "db1",
                    .evidence = with.evidence,
                    .why_none = ""};
  const std::string silent = print(strategy(facts), Format::markdown);
  EXPECT_THAT(silent, HasSubstr("**Nobody is told.**"));
  EXPECT_THAT(silent, HasSubstr("**No drill is scheduled**"));
  EXPECT_THAT(silent, HasSubstr("Nothing of the database is left out."));
  EXPECT_THAT(print(secret_rotation(facts), Format::markdown),
              HasSubstr("**This policy encrypts nothing.**"));
}

TEST(SecretRotation, names_every_secret_and_where_it_is_kept) {
  const std::string text = print(secret_rotation(facts_with_evidence()), Format::markdown);
  for (const char* words : {"`env:SLACK_URL`", "`file:/etc/seawall/pagerduty`", "`env:PING_URL`",
                            "the file /etc/seawall/shop.key", "the file /etc/seawall/other.key",
                            "seawall key rewrap --to", "Credential of the pruner",
                            "replaced in the policy, at `replica.key`"})
    EXPECT_THAT(text, HasSubstr(words));
}

TEST(Incident, has_every_section_that_alerts_link_to) {
  const std::string text = print(incident(sample_facts()), Format::markdown);
  const std::string html = print(incident(sample_facts()), Format::html);
  for (const std::string_view section : monitor::runbook::all) {
    EXPECT_THAT(text, HasSubstr(fmt::format("<a id=\"{}\"></a>", section)));
    EXPECT_THAT(html, HasSubstr(fmt::format(" id=\"{}\"", section)));
  }
  for (const monitor::runbook::Also& also : monitor::runbook::also)
    EXPECT_THAT(text, HasSubstr(fmt::format("<a id=\"{}\"></a>", also.anchor)));
  EXPECT_EQ(monitor::runbook::link("https://wiki.example.net/runbooks/", monitor::runbook::clock),
            "https://wiki.example.net/runbooks/incident.md#clock");
}

// Every link of every document leads to a document, and to an anchor, that is there.
TEST(Documents, links_resolve) {
  const Facts facts = facts_with_evidence();
  std::set<std::string> targets;
  for (const Document& document : all_of(facts)) {
    targets.insert(document.name());
    for (const Block& block : document.blocks()) {
      if (const auto* heading = std::get_if<Heading>(&block); heading && !heading->anchor.empty()) {
        EXPECT_TRUE(targets.insert(document.name() + "#" + heading->anchor).second)
            << document.name() << " has the anchor " << heading->anchor << " twice";
      }
      if (const auto* anchor = std::get_if<Anchor>(&block)) {
        EXPECT_TRUE(targets.insert(document.name() + "#" + anchor->name).second)
            << document.name() << " has the anchor " << anchor->name << " twice";
      }
    }
  }
  size_t links = 0;
  const auto look = [&](const Document& document, const Text& text) {
    for (const Piece& piece : text.pieces()) {
      if (piece.kind != Piece::Kind::link) continue;
      ++links;
      const std::string target =
          piece.target.starts_with('#') ? document.name() + piece.target : piece.target;
      EXPECT_TRUE(targets.contains(target)) << document.name() << " links to " << target;
    }
  };
  for (const Document& document : all_of(facts)) {
    for (const Block& block : document.blocks()) {
      if (const auto* paragraph = std::get_if<Paragraph>(&block)) look(document, paragraph->text);
      if (const auto* list = std::get_if<List>(&block))
        for (const Text& item : list->items) look(document, item);
      if (const auto* table = std::get_if<Table>(&block))
        for (const auto& row : table->rows)
          for (const Text& cell : row) look(document, cell);
    }
  }
  EXPECT_GT(links, 20u);
}

TEST(Runbooks, are_written_without_evidence_and_say_so) {
  for (const Document& document : all_of(sample_facts())) {
    const std::string text = print(document, Format::markdown);
    EXPECT_THAT(text, HasSubstr("export SEAWALL_POLICY='/etc/sea wall/it'\\''s.yaml'"));
  }
  EXPECT_THAT(print(restore_drill(sample_facts()), Format::markdown),
              HasSubstr("**Not read:** the repository is away"));
  EXPECT_THAT(print(restore_drill(facts_with_evidence()), Format::markdown),
              HasSubstr("Not drilled yet."));
}

}  // namespace
}  // namespace documents
