#include "app/evidence_archive.h"

#include <algorithm>

#include "app/check.h"
#include "app/document_facts.h"
#include "app/tar_file.h"
#include "crypto/digest.h"
#include "documents/print.h"
#include "documents/runbooks.h"
#include "documents/strategy.h"
#include "repository/dump_record.h"

namespace app {

using base::ByteView;
using base::Error;
using base::ErrorKind;
using base::Instant;
using base::Json;

namespace {

// Everything of a repository that is somebody's word on how things went. What is not there has no
// objects.
struct Prefix {
  const char* prefix;
  bool of_any_time;  // holds until it is replaced: all up to the quarter's end
};
constexpr Prefix prefixes[] = {
    {"repository.json", true},    {"epochs/", true},  {"policies/", true},
    {"key-confirmations/", true}, {"claims/", false}, {"runs/", false},
    {"verifications/", false},    {"probes/", false}, {"drills/", false},
    {"sign-offs/", false},        {"alerts/", false}, {"condemned/", false}};

// The first "20261122T190000Z" in a key; else when it was stored.
Instant time_of(const storage::ObjectInfo& object) {
  const std::string& key = object.key.text();
  constexpr size_t width = 16;
  for (size_t at = 0; at + width <= key.size(); ++at) {
    if (key[at + 8] != 'T' || key[at + width - 1] != 'Z') continue;
    try {
      return base::from_compact(std::string_view(key).substr(at, width));
    } catch (const Error& failure) {
      if (failure.kind() != ErrorKind::invalid) throw;
    }
  }
  return object.modified;
}

std::string kind_of(const std::string& key) {
  return key.substr(0, std::min(key.find('/'), key.size()));
}

class Packer {
 public:
  Packer(Context& context, const policy::Quarter& quarter, const base::Path& file, Instant now,
         const std::stop_token& stop)
      : context_(context),
        quarter_(quarter),
        begins_(policy::begin_of(quarter, context.policy().timezone)),
        ends_(policy::begin_of(policy::next(quarter), context.policy().timezone)),
        now_(now),
        stop_(stop),
        folder_(fmt::format("seawall-evidence-{}-{}/", context.policy().name,
                            policy::to_string(quarter))),
        file_(file) {
    if (begins_ > now) {
      throw Error(ErrorKind::invalid,
                  fmt::format("{} has not begun yet", policy::to_string(quarter)), "name another");
    }
  }

  EvidenceReport run() {
    const repository::Repository repository = context_.repository(stop_);
    documents::Facts facts = document_facts(context_, now_);
    read_evidence(context_, facts, stop_);
    tar_.emplace(file_, now_);
    add_records(repository);
    add_dumps();
    add_documents(facts);
    add_posture();
    add_index(repository);
    add_bytes("SHA256SUMS", base::as_bytes(sums_), false);
    tar_->finish();
    report_.file = file_;
    report_.bytes = tar_->bytes();
    return std::move(report_);
  }

 private:
  bool is_wanted(Instant at) const { return at >= begins_ && at < ends_; }

  void add_bytes(const std::string& path, ByteView content, bool summed = true) {
    tar_->add(folder_ + path, content);
    if (summed) sums_ += fmt::format("{}  {}\n", crypto::sha256_hex(content), path);
  }
  void add_text(const std::string& path, const std::string& text) {
    add_bytes(path, base::as_bytes(text));
  }
  void add_json(const std::string& path, const Json& json) { add_text(path, json.dump(2) + "\n"); }

  void add_records(const repository::Repository& repository) {
    for (const Prefix& one : prefixes) {
      for (const storage::ObjectInfo& object :
           storage::list_all(repository.store(), one.prefix, stop_)) {
        const Instant at = time_of(object);
        if (one.of_any_time ? at < ends_ : is_wanted(at)) add_object(repository, object);
      }
    }
  }

  void add_object(const repository::Repository& repository, const storage::ObjectInfo& object) {
    constexpr uint64_t bytes_max = 64 * base::MiB;
    const std::string& key = object.key.text();
    try {
      add_bytes("records/" + key,
                storage::read_all(repository.store(), object.key, bytes_max, stop_));
      ++report_.packed[kind_of(key)];
    } catch (const Error& failure) {
      // An auditor wants the rest all the more, and to know of this one.
      if (failure.kind() != ErrorKind::corrupt && failure.kind() != ErrorKind::denied &&
          failure.kind() != ErrorKind::absent)
        throw;
      report_.left_out.push_back(key + ": " + failure.message());
    }
  }

  void add_dumps() {
    for (const policy::DumpTier& tier : context_.policy().layers.dumps) {
      storage::ObjectStore& store = context_.dump_store(tier.tier.name);
      for (const repository::StoredDump& dump : repository::list_dumps(store, stop_)) {
        if (!dump.finished || dump.name.database != context_.cluster_database()) continue;
        try {
          add_dump(store, tier.tier.name, dump.name);
        } catch (const Error& failure) {
          if (failure.kind() != ErrorKind::corrupt && failure.kind() != ErrorKind::denied &&
              failure.kind() != ErrorKind::absent)
            throw;
          report_.left_out.push_back(dump.name.text() + ": " + failure.message());
        }
      }
    }
  }

  // A verifier of a password is nothing for an auditor's mail.
  void add_dump(storage::ObjectStore& store, const std::string& tier,
                const repository::DumpName& name) {
    repository::DumpRecord record = repository::read_record(store, name, stop_);
    if (!is_wanted(record.slot.value_or(record.started))) return;
    const std::string path = "dumps/" + tier + "/" + name.record_key().text();
    bool has_passwords = false;
    for (repository::Role& role : record.globals.roles) {
      has_passwords = has_passwords || role.password.has_value();
      role.password.reset();
    }
    if (has_passwords) {
      add_json(path, to_json(record));
      report_.redacted.push_back(path);
    } else {
      constexpr uint64_t bytes_max = 256 * base::MiB;
      add_bytes(path, storage::read_all(store, name.record_key(), bytes_max, stop_));
    }
    ++report_.packed["dumps"];
  }

  void add_documents(const documents::Facts& facts) {
    add_json("status.json", monitor::to_json(facts.evidence->status));
    add_json("strategy.json", documents::strategy_json(facts));
    for (const documents::Format format : {documents::Format::markdown, documents::Format::html}) {
      for (const documents::Document& document :
           {documents::strategy(facts), documents::retention_policy(facts),
            documents::restore_drill(facts), documents::secret_rotation(facts),
            documents::incident(facts)}) {
        add_text("documents/" + document.name() + std::string(documents::extension(format)),
                 documents::print(document, format));
      }
    }
    add_text("policy.yaml", facts.policy_text);
  }

  void add_posture() {
    Json posture = Json::array();
    for (const CheckItem& item : check(context_, stop_)) {
      posture.push_back({{"subject", item.subject},
                         {"result", name(item.result)},
                         {"what", item.what},
                         {"mend", item.mend}});
    }
    add_json("check.json", posture);
  }

  void add_index(const repository::Repository& repository) {
    Json packed = Json::object();
    for (const auto& [kind, count] : report_.packed) packed[kind] = count;
    add_json("index.json", Json{{"policy", context_.policy().name},
                                {"quarter", policy::to_string(quarter_)},
                                {"begins", base::to_rfc3339(begins_)},
                                {"ends", base::to_rfc3339(ends_)},
                                {"written", base::to_rfc3339(now_)},
                                {"whole", now_ >= ends_},
                                {"repository", repository.store().url()},
                                {"packed", std::move(packed)},
                                {"redacted", report_.redacted},
                                {"left_out", report_.left_out}});
  }

  Context& context_;
  policy::Quarter quarter_;
  Instant begins_;
  Instant ends_;
  Instant now_;
  std::stop_token stop_;
  std::string folder_;
  base::Path file_;
  std::optional<TarFile> tar_;
  std::string sums_;
  EvidenceReport report_;
};

}  // namespace

EvidenceReport pack_evidence(Context& context, const policy::Quarter& quarter,
                             const base::Path& file, Instant now, std::stop_token stop) {
  TarFile::packing_of(file);
  return Packer(context, quarter, file, now, stop).run();
}

}  // namespace app
