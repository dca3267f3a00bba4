// S3Store against a server that misbehaves as no real one can be asked to: nothing is lost, and
// nothing is taken for stored that is not. The server keeps objects in memory and knows as much of
// S3 as that takes; what a real server makes of all this, tests/e2e/s3_store_test.py asks one.
#include <gmock/gmock.h>

#include <deque>

#include "cloud/hashes.h"
#include "cloud/s3_error.h"
#include "cloud/s3_store.h"
#include "testing/dice.h"
#include "testing/errors.h"
#include "testing/http_server.h"

namespace cloud {
namespace {

using storage::ObjectKey;
using storage::PutOutcome;
using testing::HasSubstr;
using testing::HttpAnswer;
using testing::HttpRequest;
using Fault = HttpAnswer::Fault;
using namespace std::chrono_literals;

HttpAnswer error_answer(int status, const std::string& code) {
  return {status,
          "<?xml version=\"1.0\"?><Error><Code>" + code +
              "</Code><Message>as told</Message><RequestId>r-1</RequestId></Error>",
          {{"Date", "Sun, 22 Nov 2026 12:00:00 GMT"}}};
}

// What the next request that `fits` meets. `acts`: the server does its work, and the reply is lost.
struct Trouble {
  std::function<bool(const HttpRequest&)> fits;
  HttpAnswer answer;
  bool acts = false;
};

class S3StoreInTrouble : public testing::Test {
 protected:
  S3StoreInTrouble() : server_([this](const HttpRequest& request) { return answer(request); }) {
    objects_["/bkt/p/store.json"] = {
        print_facts({.conditional_put = true, .conditional_complete = true}), "n"};
    store_ = open();
  }

  std::unique_ptr<S3Store> open() {
    S3StoreOptions options;
    options.server.bucket = "bkt";
    options.server.endpoint = server_.url();
    options.server.retries = {
        .deadline = 10s, .first_pause = 1ms, .longest_pause = 5ms, .attempts_max = 6};
    options.server.timeouts.stall = 1s;
    options.server.environment = [](const std::string&) { return std::nullopt; };
    options.server.credentials = std::make_shared<CredentialStore>([this](std::stop_token) {
      return Credentials{"K" + std::to_string(++credentials_), "S", "T", std::nullopt};
    });
    options.prefix = "p";
    options.part_bytes = part_bytes_min;
    return std::make_unique<S3Store>(options);
  }

  static std::function<bool(const HttpRequest&)> to(const std::string& method,
                                                    const std::string& in_target) {
    return [=](const HttpRequest& request) {
      return request.method == method && request.target.find(in_target) != std::string::npos;
    };
  }
  void meet(const std::string& method, const std::string& in_target, HttpAnswer answer,
            bool acts = false, int times = 1) {
    for (int i = 0; i < times; ++i) troubles_.push_back({to(method, in_target), answer, acts});
  }

  HttpAnswer answer(const HttpRequest& request) {
    for (auto trouble = troubles_.begin(); trouble != troubles_.end(); ++trouble) {
      if (!trouble->fits(request)) continue;
      const Trouble met = *trouble;
      troubles_.erase(trouble);
      if (met.acts) serve(request);
      HttpAnswer told = met.answer;
      if (told.fault == Fault::truncate || told.fault == Fault::dribble) {
        told = serve(request);
        told.fault = met.answer.fault;
      }
      return told;
    }
    return serve(request);
  }

  HttpAnswer serve(const HttpRequest& request) {
    const std::string key = request.path();
    const std::string query = request.query();
    if (request.method == "PUT" && query.starts_with("partNumber=")) {
      if (uploads_ == 0) return error_answer(404, "NoSuchUpload");
      const int number = std::stoi(query.substr(11));
      parts_[number] = request.body;
      return {200, "", {{"ETag", "\"" + etag_of(request.body) + "\""}}};
    }
    if (request.method == "PUT" || (request.method == "POST" && query.starts_with("uploadId="))) {
      if (request.method == "POST" && uploads_ == 0) return error_answer(404, "NoSuchUpload");
      if (request.header("if-none-match") == "*" && objects_.contains(key))
        return error_answer(412, "PreconditionFailed");
      if (request.method == "PUT") {
        objects_[key] = {request.body, request.header("x-amz-meta-seawall-nonce")};
        return {200};
      }
      std::string whole;
      for (const auto& [number, part] : parts_) whole += part;
      objects_[key] = {whole, upload_nonce_};
      uploads_ = 0;
      return {200, "<CompleteMultipartUploadResult/>"};
    }
    if (request.method == "POST") {
      ++uploads_;
      parts_.clear();
      upload_nonce_ = request.header("x-amz-meta-seawall-nonce");
      return {200,
              "<InitiateMultipartUploadResult><UploadId>u</UploadId>"
              "</InitiateMultipartUploadResult>"};
    }
    if (request.method == "DELETE") {
      if (query.starts_with("uploadId=")) uploads_ = 0;
      return {204};
    }
    return serve_read(request);
  }

  HttpAnswer serve_read(const HttpRequest& request) {
    if (request.query().find("list-type=2") != std::string::npos) return {200, list_xml_};
    const auto at = objects_.find(request.path());
    if (at == objects_.end()) return error_answer(404, "NoSuchKey");
    const auto& [body, nonce] = at->second;
    HttpAnswer answer{200,
                      body,
                      {{"Last-Modified", "Sun, 22 Nov 2026 12:00:00 GMT"},
                       {"ETag", "\"" + etag_of(body) + "\""},
                       {"x-amz-meta-seawall-nonce", nonce}}};
    unsigned long first = 0;
    unsigned long last = 0;
    if (request.method == "GET" &&
        std::sscanf(request.header("range").c_str(), "bytes=%lu-%lu", &first, &last) == 2) {
      if (first >= body.size()) return error_answer(416, "InvalidRange");
      answer.status = 206;
      answer.body = body.substr(first, last - first + 1);
      answer.headers.emplace_back(
          "Content-Range",
          fmt::format("bytes {}-{}/{}", first, first + answer.body.size() - 1, body.size()));
    } else if (request.method == "HEAD") {
      answer.headers.emplace_back("Content-Length", std::to_string(body.size()));
    }
    return answer;
  }

  static std::string etag_of(const std::string& body) {
    return base::to_hex(from_base64(md5_base64(base::as_bytes(body))));
  }
  PutOutcome put(const std::string& key, const std::string& body) {
    return store_->put_if_absent(ObjectKey(key), base::as_bytes(body), {});
  }
  PutOutcome write(const std::string& key, const base::Bytes& body) {
    const auto writer = store_->begin_write(ObjectKey(key), {.head_bytes = 10}, {});
    writer->write(body);
    return writer->commit(base::ByteView(body).first(10));
  }
  std::string stored(const std::string& key) { return objects_["/bkt/p/" + key].first; }

  std::map<std::string, std::pair<std::string, std::string>> objects_;  // body and nonce
  std::map<int, std::string> parts_;
  std::string upload_nonce_;
  std::string list_xml_;
  int uploads_ = 0;
  int credentials_ = 0;
  std::deque<Trouble> troubles_;
  testing::Dice dice_;
  testing::HttpServer server_;
  std::unique_ptr<S3Store> store_;
};

TEST_F(S3StoreInTrouble, stores_once_through_a_burst_of_503) {
  meet("PUT", "/x", error_answer(503, "SlowDown"), false, 4);
  EXPECT_EQ(put("x", "body"), PutOutcome::stored);
  EXPECT_EQ(stored("x"), "body");
  EXPECT_TRUE(troubles_.empty());
}

TEST_F(S3StoreInTrouble, gives_up_at_its_limits_and_says_what_the_server_said) {
  meet("PUT", "/x", error_answer(503, "SlowDown"), false, 100);
  const base::Error failure = testing::error_of([&] { put("x", "body"); });
  EXPECT_EQ(failure.kind(), base::ErrorKind::unavailable);
  EXPECT_THAT(failure.message(), HasSubstr("SlowDown"));
  EXPECT_THAT(failure.message(), HasSubstr("r-1"));
  EXPECT_EQ(troubles_.size(), 94u);
}

TEST_F(S3StoreInTrouble, tells_its_own_object_from_a_foreign_one_when_a_reply_was_lost) {
  for (const Fault fault : {Fault::reset, Fault::stall}) {
    const std::string key = fault == Fault::reset ? "reset" : "stall";
    meet("PUT", "/" + key, {.fault = fault}, /*acts=*/true);
    EXPECT_EQ(put(key, "body"), PutOutcome::stored);
    EXPECT_EQ(stored(key), "body");
  }
  objects_["/bkt/p/foreign"] = {"body", "another nonce"};
  meet("PUT", "/foreign", {.fault = Fault::reset}, /*acts=*/true);
  EXPECT_EQ(put("foreign", "body"), PutOutcome::already_there);
  meet("PUT", "/broken", error_answer(500, "InternalError"), /*acts=*/true);
  EXPECT_EQ(put("broken", "body"), PutOutcome::stored);
}

TEST_F(S3StoreInTrouble, settles_by_size_and_md5_what_it_may_not_read) {
  list_xml_.clear();
  meet("PUT", "/x", {.fault = Fault::reset}, /*acts=*/true);
  meet("HEAD", "/x", error_answer(403, "AccessDenied"));
  meet("GET", "versions",
       {200,
        "<ListVersionsResult><Version><Key>p/x</Key><VersionId>null</VersionId><Size>4</Size>"
        "<ETag>\"" +
            etag_of("body") +
            "\"</ETag>"
            "<LastModified>2026-11-22T12:00:00Z</LastModified></Version></ListVersionsResult>"});
  EXPECT_EQ(put("x", "body"), PutOutcome::stored);
  meet("PUT", "/y", {.fault = Fault::reset}, /*acts=*/true);
  meet("HEAD", "/y", error_answer(403, "AccessDenied"));
  meet("GET", "versions",
       {200,
        "<ListVersionsResult><Version><Key>p/y</Key><VersionId>null</VersionId><Size>4</Size>"
        "<ETag>\"no md5\"</ETag>"
        "<LastModified>2026-11-22T12:00:00Z</LastModified></Version></ListVersionsResult>"});
  EXPECT_ERROR(unavailable, put("y", "body"));
}

TEST_F(S3StoreInTrouble, sends_parts_again_and_loses_none) {
  const base::Bytes body = dice_.noise(17 * base::MiB + 3);
  meet("PUT", "partNumber=1&", error_answer(500, "InternalError"));
  meet("PUT", "partNumber=2&", {.fault = Fault::reset});
  meet("PUT", "partNumber=3&", {.fault = Fault::stall}, /*acts=*/true);
  meet("PUT", "partNumber=4&", error_answer(400, "BadDigest"));
  EXPECT_EQ(write("x", body), PutOutcome::stored);
  EXPECT_TRUE(base::to_bytes(stored("x")) == body);
  EXPECT_TRUE(troubles_.empty());
}

TEST_F(S3StoreInTrouble, ends_an_upload_whose_part_is_refused_and_aborts_it) {
  meet("PUT", "partNumber=2&", error_answer(403, "QuotaExceeded"));
  EXPECT_ERROR(full, write("x", dice_.noise(40 * base::MiB)));
  EXPECT_EQ(stored("x"), "");
  // A part that was on its way may have come in behind it.
  const auto requests = server_.requests();
  EXPECT_TRUE(std::ranges::any_of(
      requests, [](const HttpRequest& request) { return request.method == "DELETE"; }));
  EXPECT_EQ(uploads_, 0);
}

TEST_F(S3StoreInTrouble, settles_a_completion_whose_reply_was_lost) {
  const base::Bytes body = dice_.noise(6 * base::MiB);
  meet("POST", "uploadId=", {.fault = Fault::reset}, /*acts=*/true);
  EXPECT_EQ(write("ours", body), PutOutcome::stored);  // the retry meets NoSuchUpload
  EXPECT_TRUE(base::to_bytes(stored("ours")) == body);
  objects_["/bkt/p/theirs"] = {"theirs", "another nonce"};
  meet("POST", "uploadId=", {.fault = Fault::reset});
  EXPECT_EQ(write("theirs", body), PutOutcome::already_there);
  EXPECT_EQ(stored("theirs"), "theirs");
}

TEST_F(S3StoreInTrouble, finds_the_error_in_a_completion_that_began_with_200) {
  const base::Bytes body = dice_.noise(6 * base::MiB);
  HttpAnswer late = error_answer(200, "InternalError");
  late.body = "\n\n" + late.body.substr(late.body.find("<Error>"));
  meet("POST", "uploadId=", late);
  EXPECT_EQ(write("x", body), PutOutcome::stored);
  late.body = "<Error><Code>PreconditionFailed</Code></Error>";
  meet("POST", "uploadId=", late);
  EXPECT_EQ(write("y", body), PutOutcome::already_there);
}

TEST_F(S3StoreInTrouble, takes_a_conflict_with_a_racing_upload_for_no_success) {
  objects_["/bkt/p/x"] = {"theirs", "another nonce"};
  meet("POST", "uploadId=", error_answer(409, "ConditionalRequestConflict"));
  EXPECT_EQ(write("x", dice_.noise(6 * base::MiB)), PutOutcome::already_there);
  meet("POST", "uploadId=", error_answer(409, "ConditionalRequestConflict"));
  EXPECT_ERROR(unavailable, write("y", dice_.noise(6 * base::MiB)));  // and nothing is there
}

TEST_F(S3StoreInTrouble, goes_on_reading_where_a_body_broke_off) {
  const std::string body(base::as_text(dice_.noise(1'000'000)));
  objects_["/bkt/p/x"] = {body, "n"};
  for (int i = 0; i < 3; ++i) meet("GET", "/x", {.fault = Fault::truncate});
  base::Bytes out(900'000);
  store_->read(ObjectKey("x"), 50'000, out, {});
  EXPECT_EQ(base::as_text(out), std::string_view(body).substr(50'000, 900'000));
  EXPECT_EQ(server_.requests().back().header("range"), "bytes=837500-949999");
}

TEST_F(S3StoreInTrouble, takes_no_other_bytes_than_it_asked_for) {
  base::Bytes out(4);
  objects_["/bkt/p/x"] = {"0123456789", "n"};
  const auto refuse = [&](HttpAnswer answer) {
    meet("GET", "/x", std::move(answer));
    EXPECT_ERROR(corrupt, store_->read(ObjectKey("x"), 2, out, {}));
  };
  refuse({200, "0123456789"});
  refuse({206, "0123", {{"Content-Range", "bytes 0-3/10"}}});
  refuse({206, "23456", {{"Content-Range", "bytes 2-6/10"}}});
  refuse({206, "234", {{"Content-Range", "bytes 2-4/5"}}});
  refuse({206, "2345", {{"Content-Range", "nonsense"}}});
  meet("GET", "/x",
       {206,
        "0123456789",
        {{"Content-Range", "bytes 0-9/10"}, {"x-amz-checksum-crc32c", "AAAAAA=="}}});
  base::Bytes whole(10);
  EXPECT_ERROR(corrupt, store_->read(ObjectKey("x"), 0, whole, {}));
  store_->read(ObjectKey("x"), 0, whole, {});
  EXPECT_EQ(base::as_text(whole), "0123456789");
}

TEST_F(S3StoreInTrouble, refuses_an_object_that_changes_while_it_is_read) {
  objects_["/bkt/p/x"] = {std::string(1000, 'a'), "n"};
  meet("GET", "/x", {.fault = Fault::truncate});
  meet("GET", "/x",
       {206,
        std::string(500, 'b'),
        {{"Content-Range", "bytes 500-999/1000"}, {"ETag", "\"other\""}}});
  base::Bytes out(1000);
  EXPECT_ERROR(corrupt, store_->read(ObjectKey("x"), 0, out, {}));
}

TEST_F(S3StoreInTrouble, renews_credentials_that_end_in_the_middle_of_an_upload) {
  const base::Bytes body = dice_.noise(17 * base::MiB);
  meet("PUT", "partNumber=3&", error_answer(400, "ExpiredToken"));
  EXPECT_EQ(write("x", body), PutOutcome::stored);
  EXPECT_TRUE(base::to_bytes(stored("x")) == body);
  EXPECT_EQ(credentials_, 2);
  meet("PUT", "/y", error_answer(400, "ExpiredToken"), false, 2);
  EXPECT_ERROR(denied, put("y", "body"));
}

TEST_F(S3StoreInTrouble, says_whose_clock_is_wrong) {
  meet("PUT", "/x", error_answer(403, "RequestTimeTooSkewed"));
  const base::Error failure = testing::error_of([&] { put("x", "body"); });
  EXPECT_EQ(failure.kind(), base::ErrorKind::invalid);
  EXPECT_THAT(failure.hint(), HasSubstr("Sun, 22 Nov 2026 12:00:00 GMT"));
  EXPECT_EQ(store_->now({}), base::from_rfc3339("2026-11-22T12:00:00Z"));
}

TEST_F(S3StoreInTrouble, relies_on_no_listing_that_is_out_of_order) {
  const auto listing = [](std::initializer_list<const char*> keys) {
    std::string xml = "<ListBucketResult><IsTruncated>false</IsTruncated>";
    for (const char* key : keys) {
      xml += fmt::format(
          "<Contents><Key>{}</Key><LastModified>2026-11-22T12:00:00.000Z"
          "</LastModified><Size>1</Size></Contents>",
          key);
    }
    return xml + "</ListBucketResult>";
  };
  list_xml_ = listing({"p/a", "p/b"});
  EXPECT_EQ(storage::list_all(*store_, "", {}).size(), 2u);
  list_xml_ = listing({"p/b", "p/a"});
  EXPECT_ERROR(corrupt, storage::list_all(*store_, "", {}));
  list_xml_ = listing({"q/a"});
  EXPECT_ERROR(corrupt, storage::list_all(*store_, "", {}));
  list_xml_ = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>";
  EXPECT_ERROR(corrupt, storage::list_all(*store_, "", {}));
}

TEST_F(S3StoreInTrouble, is_told_of_versions_that_came_later) {
  objects_["/bkt/p/x"] = {"first", "n"};
  meet("HEAD", "/x",
       {200,
        "",
        {{"Last-Modified", "Sun, 22 Nov 2026 12:00:00 GMT"},
         {"Content-Length", "6"},
         {"x-amz-version-id", "v2"}}});
  meet("GET", "versions",
       {200,
        "<ListVersionsResult>"
        "<Version><Key>p/x</Key><VersionId>v2</VersionId><Size>6</Size>"
        "<LastModified>2026-11-22T13:00:00Z</LastModified></Version>"
        "<Version><Key>p/x</Key><VersionId>null</VersionId><Size>5</Size>"
        "<LastModified>2026-11-22T12:00:00Z</LastModified></Version></ListVersionsResult>"});
  EXPECT_EQ(store_->stat(ObjectKey("x"), {})->size, 5u);
  EXPECT_FALSE(store_->conditional({}));
}

TEST(S3Error, has_a_kind_for_what_servers_refuse) {
  using base::ErrorKind;
  const auto kind = [](int status, const std::string& code) {
    net::Response answer{.status = status};
    if (!code.empty()) answer.body = base::to_bytes("<Error><Code>" + code + "</Code></Error>");
    return testing::error_of([&] { throw_s3(read_s3_failure(answer), "x"); }).kind();
  };
  for (const auto& [status, code, expected] : std::vector<std::tuple<int, std::string, ErrorKind>>{
           {404, "NoSuchKey", ErrorKind::absent},
           {404, "", ErrorKind::absent},
           {404, "NoSuchBucket", ErrorKind::absent},
           {403, "AccessDenied", ErrorKind::denied},
           {403, "", ErrorKind::denied},
           {403, "SignatureDoesNotMatch", ErrorKind::denied},
           {400, "ExpiredToken", ErrorKind::denied},
           {403, "QuotaExceeded", ErrorKind::full},
           {507, "", ErrorKind::full},
           {403, "RequestTimeTooSkewed", ErrorKind::invalid},
           {301, "PermanentRedirect", ErrorKind::invalid},
           {400, "InvalidArgument", ErrorKind::invalid},
           {501, "NotImplemented", ErrorKind::invalid},
           {412, "PreconditionFailed", ErrorKind::conflict},
           {409, "BucketNotEmpty", ErrorKind::conflict},
           {416, "InvalidRange", ErrorKind::corrupt},
           {429, "", ErrorKind::unavailable},
           {408, "", ErrorKind::unavailable},
           {500, "InternalError", ErrorKind::unavailable},
           {503, "SlowDown", ErrorKind::unavailable},
           {502, "", ErrorKind::unavailable},
           {400, "RequestTimeout", ErrorKind::unavailable}})
    EXPECT_EQ(kind(status, code), expected) << status << code;
  net::Response page{.status = 404, .body = base::to_bytes("<html>&nbsp;no</html>")};
  EXPECT_EQ(read_s3_failure(page).code, "NoSuchKey");
}

TEST(PartPlan, holds_what_is_expected_and_far_more) {
  const auto capacity = [](const PartPlan& plan, unsigned parts) {
    uint64_t bytes = 0;
    for (unsigned number = 1; number <= parts; ++number) bytes += plan.bytes_of(number);
    return bytes;
  };
  constexpr uint64_t TiB = 1024 * base::GiB;
  EXPECT_EQ(PartPlan(8 * base::MiB, 10'000, 0).bytes_of(1), 8 * base::MiB);
  EXPECT_EQ(PartPlan(8 * base::MiB, 10'000, 8 * base::GiB).bytes_of(1000), 8 * base::MiB);
  EXPECT_GE(capacity(PartPlan(8 * base::MiB, 10'000, 0), 10'000), 5 * TiB);
  EXPECT_GE(capacity(PartPlan(8 * base::MiB, 1000, 0), 1000), 800'000'000'000u);
  for (const uint64_t expected : {base::GiB, 100 * base::GiB, 5 * TiB / 2, 4 * TiB}) {
    const PartPlan plan(8 * base::MiB, 1000, expected);
    EXPECT_GE(plan.bytes_of(1) * 1000, expected);
    EXPECT_LE(plan.bytes_of(1), std::max(8 * base::MiB, expected / 800 + base::MiB));
  }
  EXPECT_ERROR(full, PartPlan(8 * base::MiB, 1000, 0).bytes_of(1001));
  EXPECT_ERROR(invalid, PartPlan(base::MiB, 1000, 0));
  EXPECT_ERROR(invalid, PartPlan(8 * base::MiB, 10'001, 0));
}

TEST(S3Settings, make_the_address_of_a_bucket) {
  testing::HttpServer server([](const HttpRequest&) { return HttpAnswer{200}; });
  const auto asked = [&](S3Addressing addressing) {
    S3StoreOptions options;
    options.server.bucket = "bkt";
    options.server.endpoint = server.url() + "/base";
    options.server.addressing = addressing;
    options.server.environment = [](const std::string&) { return std::nullopt; };
    options.server.credentials = fixed_credentials({"K", "S", "", std::nullopt});
    options.prefix = "/p/q/";
    S3Store store(options);
    EXPECT_EQ(store.url(), "s3://bkt/p/q");
    store.client().put(store.full_key(ObjectKey("k=1")), {}, {}, {});
    return server.requests().back().target;
  };
  EXPECT_EQ(asked(S3Addressing::automatic), "/base/bkt/p/q/k%3D1");
  S3StoreOptions wrong;
  for (const char* bucket : {"", "a", "a/b", "a b"}) {
    wrong.server.bucket = bucket;
    EXPECT_ERROR(invalid, S3Store(wrong)) << bucket;
  }
}

}  // namespace
}  // namespace cloud
