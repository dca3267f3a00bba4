#include "app/transaction_search.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace app {

using base::Error;
using base::ErrorKind;
using layers::RelationNames;
using layers::RowCounts;
using layers::Transaction;
using postgres::RelationFile;

std::string grouped(uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ' ';
    text += digits[i];
  }
  return text;
}

namespace {

std::optional<uint32_t> as_file(const std::string& text) {
  uint32_t file = 0;
  const char* const end = text.data() + text.size();
  const auto [after, failed] = std::from_chars(text.data(), end, file);
  if (failed != std::errc{} || after != end) return std::nullopt;
  return file;
}

std::set<RelationFile> files_in(const layers::TransactionListing& listing) {
  std::set<RelationFile> files;
  for (const Transaction& one : listing.transactions) {
    for (const auto& [file, rows] : one.changed) files.insert(file);
    files.insert(one.removed.begin(), one.removed.end());
  }
  // Of the totals those that matter, by size.
  std::vector<std::pair<uint64_t, RelationFile>> largest;
  for (const auto& [file, rows] : listing.totals) largest.emplace_back(rows.total(), file);
  std::ranges::sort(largest, std::greater<>());
  constexpr size_t named_max = 50;
  for (size_t i = 0; i < std::min(largest.size(), named_max); ++i) files.insert(largest[i].second);
  return files;
}

// The catalogs that a rewrite gave a file like any other's.
void forget_catalogs(layers::TransactionListing& listing, const RelationNames& names) {
  const auto is_catalog = [&](const auto& one) {
    const auto name = names.find(one.first);
    return name != names.end() && name->second.catalog;
  };
  for (Transaction& one : listing.transactions) std::erase_if(one.changed, is_catalog);
  std::erase_if(listing.totals, is_catalog);
}

repository::Epoch epoch_of(const repository::Repository& repository, const SearchRequest& request,
                           const std::stop_token& stop) {
  const std::vector<repository::Epoch> epochs = repository.epochs(stop);
  for (const repository::Epoch& epoch : epochs) {
    if (request.epoch ? epoch.number == *request.epoch : epoch.number == epochs.back().number)
      return epoch;
  }
  throw Error(ErrorKind::absent, request.epoch
                                     ? fmt::format("there is no epoch {}", request.epoch->value)
                                     : std::string("the repository holds nothing yet"));
}

// From where the log has to be read to see all since then: the newest snapshot before, or the
// oldest there is. What is before that cannot be restored to anyway.
postgres::Lsn earliest_for(const repository::Repository& repository, const repository::Epoch& epoch,
                           const postgres::TimelineHistory& path, base::Instant since,
                           const std::stop_token& stop) {
  std::vector<repository::UnreadableRoot> unreadable;
  std::optional<repository::SnapshotRoot> chosen;
  for (repository::SnapshotRoot& root :
       repository::read_snapshots(repository, epoch.number, unreadable, stop)) {
    if (!path.contains(root.timeline, root.stop_lsn)) continue;
    if (!chosen || root.stopped <= since) chosen = std::move(root);
  }
  if (!chosen)
    throw Error(ErrorKind::absent, "there is no snapshot on this timeline: nothing can be restored",
                "'seawall list' shows what there is, 'seawall wal audit' the timelines");
  return chosen->start_lsn;
}

}  // namespace

FoundTransactions find_transactions(const Context& context,
                                    const repository::Repository& repository,
                                    const SearchRequest& request, std::atomic<uint64_t>& progress,
                                    std::stop_token stop) {
  FoundTransactions found;
  std::optional<postgres::Connection> live;
  try {
    live.emplace(connection_url(context.policy().database.connection));
  } catch (const Error& failure) {
    if (failure.kind() == ErrorKind::cancelled) throw;
    found.why_nameless = failure.message();
  }
  layers::TransactionFilter filter{.since = request.since,
                                   .until = request.until,
                                   .relations = {},
                                   .top = request.top,
                                   .xid = request.xid};
  for (const std::string& table : request.tables) {
    if (const std::optional<uint32_t> file = as_file(table)) {
      filter.relations.insert(*file);
      continue;
    }
    if (!live) {
      throw Error(ErrorKind::unavailable,
                  fmt::format("only the live server knows which file {} is in: {}", table,
                              found.why_nameless),
                  "name the file instead, as --table 16384, or search in all tables");
    }
    filter.relations.merge(layers::files_of(*live, table));
  }
  const repository::Epoch epoch = epoch_of(repository, request, stop);
  const repository::WalArchive archive(repository, epoch);
  const std::vector<postgres::Timeline> timelines = archive.timelines(stop);
  if (timelines.empty()) throw Error(ErrorKind::absent, "no log is archived");
  found.epoch = epoch.number;
  found.timeline = request.timeline.value_or(timelines.back());
  const postgres::TimelineHistory path = archive.history(found.timeline, stop);
  found.listing = layers::list_transactions(
      archive, path, earliest_for(repository, epoch, path, request.since, stop), filter, progress,
      stop);
  if (live) {
    found.names = layers::name_relations(*live, files_in(found.listing));
    forget_catalogs(found.listing, found.names);
  }
  return found;
}

std::string name_of(const RelationFile& file, const RelationNames& names) {
  const auto name = names.find(file);
  if (name == names.end()) return fmt::format("relation file {}", file.file);
  if (name->second.large_values) return "large values of " + name->second.name;
  return name->second.name;
}

std::vector<std::string> deeds_of(const Transaction& transaction, const RelationNames& names) {
  std::vector<std::pair<RelationFile, RowCounts>> largest(transaction.changed.begin(),
                                                          transaction.changed.end());
  std::ranges::sort(largest, [](const auto& one, const auto& other) {
    return std::pair(one.second.harm(), one.second.inserted) >
           std::pair(other.second.harm(), other.second.inserted);
  });
  std::vector<std::string> deeds;
  if (!transaction.removed.empty()) {
    std::vector<std::string> files;
    for (const RelationFile& file : transaction.removed) files.push_back(name_of(file, names));
    constexpr size_t shown_max = 4;
    const size_t more =
        files.size() + transaction.other_removed - std::min(files.size(), shown_max);
    files.resize(std::min(files.size(), shown_max));
    deeds.push_back(fmt::format("dropped, emptied or rewrote {}{}", fmt::join(files, ", "),
                                more > 0 ? fmt::format(" and {} more", more) : ""));
  }
  for (const auto& [file, rows] : largest) {
    const auto name = names.find(file);
    if (name != names.end() && name->second.large_values) continue;  // their rows tell
    const std::string called = name_of(file, names);
    const auto say = [&](uint64_t count, std::string_view deed) {
      if (count > 0)
        deeds.push_back(
            fmt::format("{} row{} of {} {}", grouped(count), count == 1 ? "" : "s", called, deed));
    };
    say(rows.deleted, "deleted");
    say(rows.updated, "updated");
    say(rows.inserted, "inserted");
  }
  if (transaction.other_rows > 0)
    deeds.push_back(
        fmt::format("{} rows of other relations changed", grouped(transaction.other_rows)));
  return deeds;
}

namespace {

base::Json counts_json(const std::map<RelationFile, RowCounts>& counts,
                       const RelationNames& names) {
  base::Json json = base::Json::array();
  for (const auto& [file, rows] : counts) {
    json.push_back({{"relation", name_of(file, names)},
                    {"file", file.file},
                    {"inserted", rows.inserted},
                    {"updated", rows.updated},
                    {"deleted", rows.deleted}});
  }
  return json;
}

}  // namespace

base::Json to_json(const Transaction& transaction, const RelationNames& names) {
  base::Json removed = base::Json::array();
  for (const RelationFile& file : transaction.removed) removed.push_back(file.file);
  return {{"xid", transaction.xid},
          {"committed", base::to_rfc3339(transaction.committed)},
          {"commit_lsn", to_string(transaction.commit)},
          {"before_lsn", to_string(transaction.before)},
          {"changed", counts_json(transaction.changed, names)},
          {"other_rows", transaction.other_rows},
          {"removed_files", std::move(removed)},
          {"deeds", deeds_of(transaction, names)}};
}

base::Json to_json(const FoundTransactions& found) {
  const layers::TransactionListing& listing = found.listing;
  base::Json transactions = base::Json::array();
  for (const Transaction& one : listing.transactions)
    transactions.push_back(to_json(one, found.names));
  base::Json gaps = base::Json::array();
  for (const auto& gap : listing.gaps)
    gaps.push_back(
        {{"begin", to_string(gap.begin)}, {"end", to_string(gap.end)}, {"why", gap.why}});
  const auto time = [](const std::optional<base::Instant>& at) {
    return at ? base::Json(base::to_rfc3339(*at)) : base::Json(nullptr);
  };
  return {{"transactions", std::move(transactions)},
          {"commits", listing.commits},
          {"aborts", listing.aborts},
          {"first_commit", time(listing.first_commit)},
          {"last_commit", time(listing.last_commit)},
          {"unfinished", listing.unfinished},
          {"forgotten", listing.forgotten},
          {"log_begin", to_string(listing.begin)},
          {"log_end", to_string(listing.end)},
          {"gaps", std::move(gaps)},
          {"timeline", found.timeline.value},
          {"epoch", found.epoch.value}};
}

}  // namespace app
