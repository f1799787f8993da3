// Zane's folder, its files and its locks.
#include "lib/base/home.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "gmock/gmock.h"
#include "lib/base/file.h"
#include "lib/base/machine.h"
#include "lib/testing/temp_folder.h"

namespace zane::base {
namespace {

using ::testing::HasSubstr;
using zane::testing::TempFolder;

mode_t mode_of(const std::filesystem::path& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

void put(const std::filesystem::path& file, const std::string& content) {
  std::ofstream(file, std::ios::binary) << content;
}

// The widest umask, so that a mode that is not asked for shows.
class WideUmask {
 public:
  WideUmask() : before_(::umask(0)) {}
  ~WideUmask() { ::umask(before_); }

 private:
  mode_t before_;
};

TEST(HomeTest, MakesItsFoldersForItsOwnerAlone) {
  const WideUmask wide;
  const TempFolder temp;
  const auto home = Home::open((temp / "deep/home").string());
  ASSERT_TRUE(home.ok()) << home.status();
  for (const char* name : {"", "run", "keys", "data", "log"})
    EXPECT_EQ(mode_of(home->root() / name), 0700) << name;
  EXPECT_EQ(home->bus_address("policy"), "ipc://" + (temp / "deep/home/run/policy.ipc").string());
}

TEST(HomeTest, AFolderThatIsThereIsLookedAtAsSshDoes) {
  const WideUmask wide;
  const TempFolder temp;
  const auto root = temp / "h";
  std::filesystem::create_directory(root);
  for (const mode_t mode : {0770, 0702, 0777}) {
    ::chmod(root.c_str(), mode);
    const auto refused = Home::open(root.string());
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied) << std::oct << mode;
    EXPECT_THAT(refused.status().message(), HasSubstr("chmod 700 '" + root.string() + "'"));
  }
  // To be read by others is the owner's own choice; what is in it is not for them.
  ::chmod(root.c_str(), 0755);
  std::filesystem::create_directory(root / "keys");
  ::chmod((root / "keys").c_str(), 0755);
  ASSERT_TRUE(Home::open(root.string()).ok());
  for (const char* name : {"run", "keys", "data", "log"}) EXPECT_EQ(mode_of(root / name), 0700) << name;
  ::chmod((root / "keys").c_str(), 0777);
  EXPECT_THAT(Home::open(root.string()).status().message(),
              HasSubstr("chmod 700 '" + (root / "keys").string()));
  std::filesystem::remove_all(root);
  put(root, "x");
  EXPECT_THAT(Home::open(root.string()).status().message(), HasSubstr("no folder"));
}

TEST(HomeTest, BehindALinkItIsTheFolderItself) {
  const TempFolder temp;
  std::filesystem::create_directory(temp / "real");
  ::chmod((temp / "real").c_str(), 0700);
  std::filesystem::create_directory_symlink(temp / "real", temp / "link");
  const auto home = Home::open((temp / "link").string());
  ASSERT_TRUE(home.ok()) << home.status();
  EXPECT_EQ(home->root(), std::filesystem::canonical(temp / "real"));
  // Short by its link and too long in truth: sockets lie in the truth.
  const auto deep = temp.path() / std::string(90, 'd');
  std::filesystem::create_directory(deep);
  ::chmod(deep.c_str(), 0700);
  std::filesystem::create_directory_symlink(deep, temp / "short");
  EXPECT_EQ(Home::open((temp / "short").string()).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(HomeTest, APathThatIsNoTextIsRefused) {
  const TempFolder temp;
  const std::string odd = (temp / "caf\xe9").string();
  EXPECT_THAT(Home::open(odd).status().message(), HasSubstr("not UTF-8"));
  std::filesystem::create_directory(odd);
  ::chmod(odd.c_str(), 0700);
  std::filesystem::create_directory_symlink(odd, temp / "link");
  EXPECT_THAT(Home::open((temp / "link").string()).status().message(), HasSubstr("not UTF-8"));
}

TEST(HomeTest, AcceptsTheLongestPathAndRefusesOneByteMore) {
  const TempFolder temp;
  constexpr size_t most = 103 - std::string_view("/run/supervisor.ipc").size();
  const auto root_of = [&](size_t size) {
    return temp.path().string() + "/" + std::string(size - temp.path().string().size() - 1, 'h');
  };
  EXPECT_TRUE(Home::open(root_of(most)).ok());
  const auto longer = Home::open(root_of(most + 1));
  EXPECT_EQ(longer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(longer.status().message(), HasSubstr(root_of(most + 1)));
  EXPECT_THAT(longer.status().message(), HasSubstr("set ZANE_HOME"));
  EXPECT_FALSE(std::filesystem::exists(root_of(most + 1)));
}

// Not even root can make a folder below a file.
TEST(HomeTest, NamesThePlaceItCannotWriteToAndTheCure) {
  const TempFolder temp;
  put(temp / "file", "x");
  const auto home = Home::open((temp / "file/home").string());
  EXPECT_EQ(home.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(home.status().message(), HasSubstr((temp / "file/home").string()));
  EXPECT_THAT(home.status().message(), HasSubstr("ZANE_HOME"));
}

TEST(HomeTest, SpellingsOfOnePathAreOneHome) {
  const TempFolder temp;
  const auto plain = Home::open((temp / "h").string());
  const auto odd = Home::open((temp / "x/../h/").string());
  ASSERT_TRUE(plain.ok() && odd.ok());
  EXPECT_EQ(plain->root(), odd->root());
}

TEST(HomeTest, TheEnvironmentNamesItUnlessTheCallerDoes) {
  const TempFolder temp;
  ::setenv("ZANE_HOME", (temp / "env").c_str(), 1);
  const auto from_env = Home::open();
  const auto given = Home::open((temp / "given").string());
  ::unsetenv("ZANE_HOME");
  ASSERT_TRUE(from_env.ok() && given.ok());
  EXPECT_EQ(from_env->root(), temp / "env");
  EXPECT_EQ(given->root(), temp / "given");
}

TEST(ServiceLockTest, IsHeldByOneAtATime) {
  const WideUmask wide;
  const TempFolder temp;
  const auto home = *Home::open(temp.path().string());
  {
    auto first = ServiceLock::take(home, "policy");
    ASSERT_TRUE(first.ok());
    // A lock that was moved is held by its new place.
    const ServiceLock held = *std::move(first);
    const auto second = ServiceLock::take(home, "policy");
    EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(second.status().message(), HasSubstr("another policy"));
    EXPECT_TRUE(ServiceLock::take(home, "relay").ok());
    EXPECT_EQ(mode_of(home.socket("policy.lock")), 0600);
  }
  EXPECT_TRUE(ServiceLock::take(home, "policy").ok());
}

TEST(ServiceLockTest, DiesWithItsHolder) {
  const TempFolder temp;
  const auto home = *Home::open(temp.path().string());
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = ServiceLock::take(home, "policy");
    const char word = lock.ok() ? 'y' : 'n';
    if (::write(ready[1], &word, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char word = 0;
  ASSERT_EQ(::read(ready[0], &word, 1), 1);
  EXPECT_EQ(word, 'y');
  EXPECT_FALSE(ServiceLock::take(home, "policy").ok());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(ServiceLock::take(home, "policy").ok());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(SecretFileTest, IsMadeOnceForItsOwnerAlone) {
  const WideUmask wide;
  const TempFolder temp;
  ASSERT_TRUE(create_secret_file(temp / "key", "first").ok());
  EXPECT_EQ(mode_of(temp / "key"), 0600);
  EXPECT_EQ(create_secret_file(temp / "key", "second").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*read_secret_file(temp / "key"), "first");
  const std::filesystem::directory_iterator all(temp.path());
  EXPECT_EQ(std::distance(begin(all), end(all)), 1) << "nothing is left beside it";
}

TEST(SecretFileTest, SaysWhatWentWrongAndLeavesNothingBehind) {
  const TempFolder temp;
  const auto made = create_secret_file(temp / "none/key", "x");
  EXPECT_EQ(made.code(), absl::StatusCode::kNotFound);
  std::filesystem::create_directory(temp / "d");
  std::filesystem::create_directory(temp / "d/key");
  EXPECT_EQ(create_secret_file(temp / "d/key", "x").code(), absl::StatusCode::kAlreadyExists);
  const std::filesystem::directory_iterator all(temp / "d");
  EXPECT_EQ(std::distance(begin(all), end(all)), 1);
}

TEST(SecretFileTest, IsRefusedWhenOthersMayTouchIt) {
  const TempFolder temp;
  put(temp / "key", "secret");
  for (const mode_t mode : {0640, 0620, 0610, 0604, 0602, 0601}) {
    ::chmod((temp / "key").c_str(), mode);
    const auto read = read_secret_file(temp / "key");
    EXPECT_EQ(read.status().code(), absl::StatusCode::kPermissionDenied) << std::oct << mode;
    EXPECT_THAT(read.status().message(), HasSubstr("chmod 600 " + (temp / "key").string()));
    EXPECT_THAT(read.status().message(), ::testing::Not(HasSubstr("secret")));
  }
  ::chmod((temp / "key").c_str(), 0600);
  EXPECT_EQ(*read_secret_file(temp / "key"), "secret");
}

TEST(SmallFileTest, IsReadWholeUpToItsBound) {
  const TempFolder temp;
  const std::string most(kSmallFileBytesMax, 'x');
  put(temp / "most", most);
  put(temp / "longer", most + "x");
  EXPECT_EQ(*read_file(temp / "most"), most);
  EXPECT_EQ(read_file(temp / "longer").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(read_file(temp / "missing").status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(read_file(temp.path()).ok()) << "a folder is no file";
}

TEST(MachineTest, KnowsWhoIsAtTheOtherEndOfASocket) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const auto peer = peer_of_unix_socket(ends[0]);
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->uid, ::getuid());
  EXPECT_EQ(peer->pid, ::getpid());
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_FALSE(peer_of_unix_socket(ends[0])) << "a closed socket has no peer";
}

TEST(MachineTest, NamesThisBootAndThisMachine) {
  EXPECT_FALSE(boot_id().empty());
  EXPECT_EQ(boot_id(), boot_id());
  EXPECT_FALSE(machine_name().empty());
  EXPECT_EQ(machine_name().find('.'), std::string::npos);
}

}  // namespace
}  // namespace zane::base
