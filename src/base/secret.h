#ifndef SIGNET_SRC_BASE_SECRET_H_
#define SIGNET_SRC_BASE_SECRET_H_

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace signet {

// SecretText holds a password or key: wiped when dropped, never printed.
class SecretText {
 public:
  SecretText() = default;
  explicit SecretText(std::string text) : text_(std::move(text)) {}
  SecretText(const SecretText&) = default;
  SecretText(SecretText&& other) noexcept : text_(other.text_) { other.Wipe(); }
  SecretText& operator=(SecretText other) {
    text_.swap(other.text_);
    return *this;
  }
  ~SecretText() { Wipe(); }

  std::string_view Reveal() const { return text_; }
  const char* ForDisplay() const { return "***"; }
  bool empty() const { return text_.empty(); }

 private:
  void Wipe() {
    explicit_bzero(text_.data(), text_.size());
    text_.clear();
  }
  std::string text_;
};

}  // namespace signet
#endif
