// S3Client's uploads in parts.
#include "base/crc32c.h"
#include "base/error.h"
#include "cloud/s3_client.h"
#include "cloud/s3_error.h"
#include "cloud/xml.h"

namespace cloud {

using base::ErrorKind;

std::string S3Client::begin_upload(const std::string& key, const S3PutOptions& options,
                                   std::stop_token stop) {
  net::Request request = make("POST", key);
  request.url.query = {{"uploads", ""}};
  request.headers = options.headers;
  request.headers.set("x-amz-checksum-algorithm", "CRC32C");
  const net::Response answer = send_or_throw(request, key, std::move(stop));
  require_encrypted(request, answer);
  return parse_upload_id(answer.text());
}

S3Part S3Client::put_part(const std::string& key, const std::string& upload_id, int number,
                          base::ByteView body, std::stop_token stop) {
  net::Request request = make("PUT", key);
  request.url.query = {{"partNumber", std::to_string(number)}, {"uploadId", upload_id}};
  request.body = body;
  add_checksums(request, body);
  const net::Response answer = send_or_throw(request, key, std::move(stop));
  const auto etag = answer.headers.find("etag");
  if (!etag) throw base::error(ErrorKind::corrupt, "{}: the answer has no ETag", doing("PUT", key));
  return {number, *etag, request.headers.find("x-amz-checksum-crc32c").value()};
}

S3PutAnswer S3Client::complete_upload(const std::string& key, const std::string& upload_id,
                                      const std::vector<S3Part>& parts, bool only_if_absent,
                                      std::stop_token stop) {
  std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (const S3Part& part : parts) {
    body += fmt::format(
        "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag><ChecksumCRC32C>{}</ChecksumCRC32C>"
        "</Part>",
        part.number, xml_escape(part.etag), part.crc32c);
  }
  body += "</CompleteMultipartUpload>";
  net::Request request = make("POST", key);
  request.url.query = {{"uploadId", upload_id}};
  request.body = base::as_bytes(body);
  request.headers.set("Content-Type", "application/xml");
  if (only_if_absent) request.headers.set("If-None-Match", "*");

  bool in_doubt = false;
  return net::retrying(retries_, stop, [&](unsigned) -> S3PutAnswer {
    try {
      Sent sent = send(request, key, stop, /*conflicts_pass=*/false);
      in_doubt = in_doubt || sent.in_doubt;
      // It may have said 200 before it knew, to keep the connection alive meanwhile.
      const bool is_refused_late =
          sent.answer.ok() && parse_xml(sent.answer.text()).name == "Error";
      if (sent.answer.ok() && !is_refused_late)
        return {.in_doubt = in_doubt,
                .version_id = sent.answer.headers.find("x-amz-version-id").value_or("")};
      S3Failure failure = read_s3_failure(sent.answer);
      if (is_refused_late && failure.code == "PreconditionFailed") failure.status = 412;
      if (only_if_absent && (failure.status == 412 || failure.status == 409))
        return {.is_taken = true, .in_doubt = in_doubt || failure.status == 409};
      if (in_doubt && failure.code == "NoSuchUpload") return {.is_taken = true, .in_doubt = true};
      throw_s3(failure, doing("POST", key));
    } catch (const base::Error& failure) {
      in_doubt = in_doubt || failure.kind() == ErrorKind::unavailable;
      throw;
    }
  });
}

void S3Client::abort_upload(const std::string& key, const std::string& upload_id,
                            std::stop_token stop) {
  net::Request request = make("DELETE", key);
  request.url.query = {{"uploadId", upload_id}};
  const net::Response answer = send(request, key, std::move(stop)).answer;
  if (!answer.ok() && answer.status != 404) throw_s3(read_s3_failure(answer), doing("DELETE", key));
}

void S3Client::list_uploads(const std::string& prefix,
                            const std::function<bool(const S3Upload&)>& visit,
                            std::stop_token stop) {
  S3UploadPage page;
  do {
    net::Request request = make("GET", "");
    request.url.query = {{"uploads", ""}, {"encoding-type", "url"}};
    if (!prefix.empty()) request.url.query.emplace_back("prefix", prefix);
    if (!page.next_key.empty()) {
      request.url.query.emplace_back("key-marker", page.next_key);
      request.url.query.emplace_back("upload-id-marker", page.next_upload_id);
    }
    page = parse_upload_list(send_or_throw(request, "", stop).text());
    for (const S3Upload& upload : page.uploads) {
      if (!visit(upload)) return;
    }
    if (!page.is_last && page.uploads.empty())
      throw base::Error(ErrorKind::corrupt, "the server's list of uploads does not go on");
  } while (!page.is_last);
}

}  // namespace cloud
