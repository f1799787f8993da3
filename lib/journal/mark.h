// How far a store had come, kept outside $ZANE_HOME and its backups: so that an older
// copy of it, put back since, is known for one (design §4). Lost, it is begun anew, and
// nothing is known of a copy. On the loop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace zane::journal {

class Mark {
 public:
  // The mark of this home's store `of` in `folder`; "" or a folder that can't be
  // written to means that nothing is remembered: each start is then taken for the first.
  Mark(const std::filesystem::path& folder, const std::filesystem::path& home, std::string_view of);
  ~Mark();
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;

  // Random; another one after each loss and each renewal.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int64_t reached() const { return reached_; }

  // Once it is so in the store, and before anybody is told. Never goes back but by renew().
  void reach(int64_t reached);
  // What was reached counts no more: a new name.
  void renew();

 private:
  void open();
  bool read();
  void write();
  const std::filesystem::path file_;
  int fd_ = -1;
  std::string name_;
  int64_t reached_ = 0;
};

}  // namespace zane::journal
