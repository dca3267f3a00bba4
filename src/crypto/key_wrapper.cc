#include "crypto/key_wrapper.h"

#include "base/error.h"

namespace crypto {

AnyOf::AnyOf(std::vector<std::unique_ptr<KeyWrapper>> wrappers,
             std::vector<std::unique_ptr<KeyWrapper>> retired)
    : wrappers_(std::move(wrappers)), wrapping_(wrappers_.size()) {
  CHECK(wrapping_ > 0);
  for (std::unique_ptr<KeyWrapper>& old : retired) wrappers_.push_back(std::move(old));
}

DataKey AnyOf::generate(const EncryptionContext& context, std::stop_token stop) {
  DataKey key = wrappers_.front()->generate(context, stop);
  for (size_t i = 1; i < wrapping_; ++i) wrappers_[i]->add_wrapping(key, context, stop);
  return key;
}

void AnyOf::add_wrapping(DataKey& key, const EncryptionContext& context, std::stop_token stop) {
  for (size_t i = 0; i < wrapping_; ++i) wrappers_[i]->add_wrapping(key, context, stop);
}

std::optional<SecretKey> AnyOf::unwrap(std::span<const EncryptedDataKey> wrapped,
                                       const EncryptionContext& context, std::stop_token stop) {
  std::optional<base::Error> first;
  for (const auto& wrapper : wrappers_) {
    try {
      if (std::optional<SecretKey> key = wrapper->unwrap(wrapped, context, stop)) return key;
    } catch (const base::Error& failure) {
      // A region that is away is what the other keys are for.
      if (failure.kind() == base::ErrorKind::cancelled) throw;
      if (!first) first = failure;
    }
  }
  if (first) throw base::Error(*first);
  return std::nullopt;
}

std::string AnyOf::describe() const {
  std::string text;
  for (const auto& wrapper : wrappers_) text += (text.empty() ? "" : ", ") + wrapper->describe();
  return text;
}

}  // namespace crypto
