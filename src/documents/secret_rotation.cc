#include <algorithm>

#include "documents/monitoring.h"
#include "documents/runbooks.h"
#include "policy/duration.h"

namespace documents {

using policy::KeySource;

namespace {

// A key of the policy, and what it seals.
struct UsedKey {
  KeySource key;
  std::string what;
};

std::vector<UsedKey> keys_of(const policy::Policy& policy) {
  std::vector<UsedKey> keys;
  const auto add = [&](const KeySource& key, const std::string& what) {
    const auto same = std::ranges::find(keys, key, &UsedKey::key);
    if (same == keys.end()) {
      keys.push_back({key, what});
    } else {
      same->what += ", " + what;
    }
  };
  if (policy.repository.encryption) {
    add(policy.repository.encryption->key, "the repository");
    for (const KeySource& key : policy.repository.encryption->also)
      add(key, "also opens the repository");
    for (const KeySource& key : policy.repository.encryption->retired)
      add(key, "retired: opens what it sealed");
  }
  for (const policy::DumpTier& tier : policy.layers.dumps) {
    if (tier.encryption) add(tier.encryption->key, "dumps of " + tier.tier.name);
    if (tier.replica && tier.replica->key)
      add(*tier.replica->key, "copies of the dumps of " + tier.tier.name);
  }
  return keys;
}

std::string kept_where(const KeySource& key) {
  switch (key.kind) {
    case KeySource::Kind::environment:
      return "named by the variable " + key.value;
    case KeySource::Kind::file:
      return "the file " + key.value + ", and its copy elsewhere";
    case KeySource::Kind::aws_kms:
      return "AWS KMS, " + key.value;
    case KeySource::Kind::transit:
      return "Vault Transit, " + key.value;
  }
  return {};
}

void write_overview(const Facts& facts, Document& document) {
  document.heading("What there is", "secrets");
  std::vector<std::vector<Text>> rows;
  for (const UsedKey& key : keys_of(facts.policy)) {
    rows.push_back({"Key for " + Text(key.what), kept_where(key.key), link("key", "#key")});
  }
  if (in_buckets(facts.policy)) {
    rows.push_back({"Credential of the writer, on the database's host",
                    "the host's role or profile; it adds, and deletes nothing",
                    link("credentials", "#credentials")});
    rows.push_back({"Credential of the pruner",
                    "where " + code("seawall prune") + " is run, nowhere else",
                    link("credentials", "#credentials")});
    rows.push_back({"Credential of the restorer", "with who restores, not on the database's host",
                    link("credentials", "#credentials")});
    rows.push_back({"Credential of the watcher", "on the watcher's host; it opens no data",
                    link("credentials", "#credentials")});
  }
  const policy::ConnectionSource& connection = facts.policy.database.connection;
  rows.push_back({"Password of the database role, if it has one",
                  connection.kind == policy::ConnectionSource::Kind::uri
                      ? Text("~/.pgpass, or none (peer authentication)")
                      : code(policy::print_connection(connection)),
                  link("database role", "#database-role")});
  for (const AlertSecret& secret : alert_secrets(facts.policy.monitor))
    rows.push_back({secret.what, code(secret.kept), link("alerts", "#alerts")});
  document.table({"Secret", "Where it is kept", "How it is replaced"}, std::move(rows));
  document.paragraph(
      "Replace one at a time, prove the new one, and only then take the old one away. At least "
      "once "
      "a year, and on the day that somebody who knew it leaves.");
}

void write_file_key(const Facts& facts, const KeySource& key, Document& document) {
  static_cast<void>(facts);
  const base::Path file(key.value);
  const std::string next =
      (file.parent_path() / (file.stem().string() + "-next" + file.extension().string())).string();
  const std::string copy = "/media/safe/" + base::Path(next).filename().string();
  document.paragraph(
      "A key file has no service that keeps it: whoever loses it loses the backups. Make the new "
      "one, and keep a copy elsewhere before anything is sealed with it.");
  document.commands({"NEW_KEY=" + shell_word(next), "COPY=" + shell_word(copy),
                     "seawall key create \"$NEW_KEY\"",
                     "seawall key export \"$NEW_KEY\" --to \"$COPY\"",
                     "seawall key confirm \"$NEW_KEY\" --copy \"$COPY\""});
  document.paragraph(
      "Seal with it from now on (the policy is changed, the old key becomes one of the retired), "
      "then let it open all that is there.");
  document.commands(
      {"NEW_KEY=" + shell_word(next), "seawall key rotate --to \"file:$NEW_KEY\" --dry-run",
       "seawall key rotate --to \"file:$NEW_KEY\"", "seawall key rewrap --to \"file:$NEW_KEY\""});
}

void write_service_key(const KeySource& key, Document& document) {
  const bool kms = key.kind != KeySource::Kind::transit;
  document.paragraph(
      kms ? Text(
                "AWS KMS replaces what is behind a key by itself when rotation is on; seawall need "
                "do nothing then.")
          : "Vault makes a new version of a key with " +
                code("vault write -f MOUNT/keys/KEY/rotate") +
                "; what was wrapped by an older version still opens.");
  if (key.kind == KeySource::Kind::environment) {
    document.paragraph("The policy names it by the variable " + code(key.value) +
                       ". Rotating writes the new key into the policy itself; put it into the "
                       "variable afterwards if the policy is to stay as it was.");
  }
  document.paragraph("To go over to another key:");
  document.commands(
      {kms ? "NEW_KEY=aws-kms:alias/backup-next" : "NEW_KEY=vault:transit/backup-next",
       "seawall key rotate --to \"$NEW_KEY\" --dry-run", "seawall key rotate --to \"$NEW_KEY\"",
       "seawall key rewrap --to \"$NEW_KEY\""});
}

// `key rotate` changes the repository's key, and that of dumps that have the same.
void write_replica_key(const Facts& facts, Document& document) {
  for (const policy::DumpTier& tier : facts.policy.layers.dumps) {
    if (!tier.replica || !tier.replica->key) continue;
    document.paragraph(
        "The copies of the dumps of " + Text(tier.tier.name) + " have a key of their own, " +
        code(policy::print_key(*tier.replica->key)) + ": it is replaced in the policy, at " +
        code("replica.key") +
        ". Copies made before open with the old one alone, so keep it, and a policy that "
        "names it, until they have expired: " +
        policy::describe_duration(tier.tier.retain) + ".");
  }
}

void write_key(const Facts& facts, Document& document) {
  document.heading("The key that seals backups", "key");
  std::optional<KeySource> key;
  if (facts.policy.repository.encryption) key = facts.policy.repository.encryption->key;
  for (const policy::DumpTier& tier : facts.policy.layers.dumps)
    if (!key && tier.encryption) key = tier.encryption->key;
  if (!key) {
    document.paragraph(strong("This policy encrypts nothing.") +
                       " Whoever can read the stores reads everything.");
    return;
  }
  if (key->kind == KeySource::Kind::file) {
    write_file_key(facts, *key, document);
  } else {
    write_service_key(*key, document);
  }
  write_replica_key(facts, document);
  document.paragraph("Prove it: what is new is sealed by it, what is old opens with it.");
  std::vector<std::string> prove;
  if (!facts.policy.layers.snapshots.empty()) prove.push_back("seawall backup snapshots");
  if (!facts.policy.layers.dumps.empty()) {
    for (const policy::DumpTier& tier : facts.policy.layers.dumps)
      prove.push_back("seawall backup dumps --again --like " + shell_word(tier.tier.name));
  }
  prove.push_back("seawall verify");
  prove.push_back("seawall status");
  document.commands(std::move(prove));
  document.paragraph(
      "Only when that is done, and after a drill with the new key: take the old key out of " +
      code("retired") +
      " in the policy, run the same two again, and disable the old key for a week before it is "
      "destroyed. A host that keeps a policy of its own (a watcher, a restorer) needs the new "
      "one.");
}

void write_credentials(const Facts& facts, Document& document) {
  if (!in_buckets(facts.policy)) return;
  document.heading("Credentials for buckets and keys", "credentials");
  document.paragraph(
      "Each role has its own, so that a stolen one does as little as can be. Who may do what is "
      "printed from this policy; with an account's number it is ready to paste. Roles of an "
      "instance "
      "or container replace themselves; static access keys are made anew, put in place, proven, "
      "and "
      "the old ones deleted.");
  document.commands({"ACCOUNT=111122223333", "seawall policy iam --account \"$ACCOUNT\""});
  document.paragraph(
      "The writer, on the database's host: it must be able to add, and unable to "
      "destroy. Run these with the new credential, there:");
  std::vector<std::string> writer = {"seawall probe write-once", "seawall check"};
  document.commands(std::move(writer));
  document.paragraph("The pruner (shows only what it would do), where pruning is done:");
  document.commands({"seawall prune"});
  document.paragraph("The restorer, where restores are done: it reads everything.");
  document.commands({"seawall verify --no-record"});
  document.paragraph("The watcher:");
  document.commands({"seawall status"});
}

void write_database_role(const Facts& facts, Document& document) {
  document.heading("The database role", "database-role");
  const policy::ConnectionSource& connection = facts.policy.database.connection;
  document.paragraph(
      "Its rights are printed by " + code("seawall policy iam postgres") +
      ". With peer authentication on the socket it has no password, and nothing is to be rotated. "
      "Else, in " +
      code("psql") + " as a superuser, " + code("\\password ROLE") +
      " asks for the new one and sends only its verifier; an " + code("ALTER ROLE") +
      " with the password in it would stand in the server's log.");
  document.paragraph(
      connection.kind == policy::ConnectionSource::Kind::uri
          ? Text("Put it into ~/.pgpass (mode 0600) of the user that runs seawall, then:")
          : "Put it into " + code(policy::print_connection(connection)) +
                ", which the policy names, on each host that uses it, then:");
  document.commands({"seawall check", "seawall status"});
}

void write_alerts(const Facts& facts, Document& document) {
  const std::vector<AlertSecret> secrets = alert_secrets(facts.policy.monitor);
  if (secrets.empty()) return;
  document.heading("Secrets of alerts", "alerts");
  std::vector<std::vector<Text>> rows;
  for (const AlertSecret& secret : secrets)
    rows.push_back({secret.what, code(secret.kept), secret.made});
  document.table({"Secret", "Kept in", "A new one is made"}, std::move(rows));
  document.paragraph(
      "Make the new one, put it where the policy says on each host that watches, send an alert "
      "that "
      "is marked as a test to each route, and only then take the old one away. Who holds one of "
      "these can write to your channel or page on-call, and nothing else.");
}

void write_history(const Facts& facts, Document& document) {
  document.heading("Keys so far", "history");
  if (!facts.evidence) {
    document.paragraph(strong("Not read:") + " " + facts.why_none);
    return;
  }
  std::vector<std::vector<Text>> rows;
  for (const KeyChange& change : facts.evidence->keys)
    rows.push_back({minute_of(change.since, facts.policy.timezone), code(change.key)});
  if (rows.empty()) {
    document.paragraph("The repository knows of no policy with a key.");
    return;
  }
  document.paragraph("As the policies kept in the repository name them:");
  document.table({"Since", "Key of the repository"}, std::move(rows));
}

}  // namespace

Document secret_rotation(const Facts& facts) {
  Document document("runbooks/secret-rotation", "Secret rotation");
  write_opening(facts, document);
  write_overview(facts, document);
  write_key(facts, document);
  write_credentials(facts, document);
  write_database_role(facts, document);
  write_alerts(facts, document);
  write_history(facts, document);
  document.heading("See also", "see-also");
  document.paragraph(link("When a key is refused", "runbooks/incident#key-refused") + ", " +
                     link("the backup strategy", "backup-strategy") + ".");
  return document;
}

}  // namespace documents
