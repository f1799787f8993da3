// Folders that decide about permission, with links and `..` followed.
#include "services/policy/folders.h"

#include <sys/stat.h>

#include <algorithm>

#include "gmock/gmock.h"
#include "lib/testing/temp_folder.h"

namespace zane::policy {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FoldersTest : public ::testing::Test {
 protected:
  FoldersTest() {
    for (const char* folder : {"home/keys", "home2", "work/project"}) fs::create_directories(temp_ / folder);
    fs::create_directory_symlink(temp_ / "home", temp_ / "work/link");
    fs::create_directory_symlink(temp_.path(), temp_ / "work/up");
    fs::create_directory_symlink("../../home/keys", temp_ / "work/project/relative");
  }
  bool reaches(const std::string& root) { return overlaps(temp_ / root, temp_ / "home"); }
  zane::testing::TempFolder temp_;
};

TEST_F(FoldersTest, ThreadsMayNotWriteWhereTheKeysAre) {
  for (const char* root :
       {"home", "home/", "home/keys", "home/keys/not-yet/made", "", "home/../home", "work/../home/keys"})
    EXPECT_TRUE(reaches(root)) << root;
  EXPECT_TRUE(overlaps("/", temp_ / "home"));
  EXPECT_TRUE(overlaps(temp_.path().parent_path(), temp_ / "home"));
}

TEST_F(FoldersTest, NorThroughALink) {
  for (const char* root : {"work/link", "work/link/keys", "work/up", "work/up/home", "work/project/relative",
                           "work/link/../home/keys", "work/project/relative/.."})
    EXPECT_TRUE(reaches(root)) << root;
}

TEST_F(FoldersTest, ProtectedThroughALinkIsTheSamePlace) {
  EXPECT_TRUE(overlaps(temp_ / "home/keys", temp_ / "work/link"));
  EXPECT_FALSE(overlaps(temp_ / "work/project", temp_ / "work/link"));
}

// A link to what does not exist yet is a way in all the same.
TEST_F(FoldersTest, NorThroughALinkThatLeadsToNothingYet) {
  fs::create_symlink(temp_ / "home/not-yet", temp_ / "work/dangling");
  fs::create_symlink("../home/not-yet/deep", temp_ / "work/dangling2");
  fs::create_symlink(temp_ / "home2/not-yet", temp_ / "work/elsewhere");
  EXPECT_TRUE(reaches("work/dangling"));
  EXPECT_TRUE(reaches("work/dangling/more"));
  EXPECT_TRUE(reaches("work/dangling2"));
  EXPECT_FALSE(reaches("work/elsewhere"));
  EXPECT_FALSE(is_within(temp_ / "work/dangling", {(temp_ / "work").string()}));
}

TEST_F(FoldersTest, WhatCantBeToldIsProtectedAndNotAllowed) {
  fs::create_symlink("b", temp_ / "a");
  fs::create_symlink("a", temp_ / "b");
  const std::string everything = "/";
  for (const fs::path& odd :
       {fs::path(""), fs::path("."), fs::path("work"), fs::path("~"), fs::path("~/x"), temp_ / "a",
        temp_ / "a/x", temp_ / "not-yet/../work/project", temp_ / std::string("work\0x", 6)}) {
    EXPECT_TRUE(overlaps(odd, temp_ / "home")) << odd;
    EXPECT_TRUE(overlaps(temp_ / "work", odd)) << odd;
    EXPECT_FALSE(is_within(odd, {everything})) << odd;
    EXPECT_FALSE(is_within(temp_ / "work", {odd == "~" || odd == "~/x" ? "" : odd.string()})) << odd;
  }
}

// What does not exist has no inode: there a name that a file system could fold is
// taken for the protected one, and for no allowed one.
TEST_F(FoldersTest, ANameThatCouldBeTheProtectedOneIs) {
  const auto could = [&](const char* a, const char* b) { return overlaps(temp_ / a, temp_ / b); };
  EXPECT_TRUE(could("Zane/KEYS", "zane/keys"));
  EXPECT_TRUE(could("work/Sch\u00fc", "work/Schu\u0308"));
  EXPECT_TRUE(could("work/zane/deep", "work/ZANE"));
  EXPECT_FALSE(could("work/zane", "work/zone"));
  EXPECT_FALSE(could("work/zane", "home2/zane"));
  EXPECT_FALSE(is_within(temp_ / "work/ZANE", {(temp_ / "work/zane").string()}));
  EXPECT_TRUE(is_within(temp_ / "work/zane/x", {(temp_ / "work/zane").string()}));
}

// A file system as macOS has it: case does not count, nor how an umlaut is written.
int look_as_a_mac(const char* path, struct stat* info) {
  std::string folded(path);
  for (size_t at; (at = folded.find("u\u0308")) != std::string::npos;) folded.replace(at, 3, "\u00fc");
  for (const char* name : {"/HOME", "/Keys", "/WORK"})
    for (size_t at; (at = folded.find(name)) != std::string::npos;)
      std::transform(folded.begin() + static_cast<ptrdiff_t>(at),
                     folded.begin() + static_cast<ptrdiff_t>(at + std::string_view(name).size()),
                     folded.begin() + static_cast<ptrdiff_t>(at), ::tolower);
  return ::lstat(folded.c_str(), info);
}

TEST_F(FoldersTest, AFolderIsKnownByWhatItIsAndNotByItsSpelling) {
  fs::create_directories(temp_ / "home/Sch\u00fcssel");
  const auto reach = [&](const char* root, const char* kept) {
    return overlaps(temp_ / root, temp_ / kept, look_as_a_mac);
  };
  EXPECT_TRUE(reach("HOME/Keys", "home"));
  EXPECT_TRUE(reach("HOME", "home/keys"));
  EXPECT_TRUE(reach("HOME/not-yet", "home"));
  EXPECT_TRUE(reach("home/Schu\u0308ssel", "home/Sch\u00fcssel"));
  EXPECT_FALSE(reach("WORK/project", "home"));
  EXPECT_FALSE(overlaps(temp_ / "home/Schu\u0308ssel", temp_ / "home/keys", look_as_a_mac));
  EXPECT_TRUE(is_within(temp_ / "WORK/project", {(temp_ / "work").string()}, look_as_a_mac));
  EXPECT_FALSE(is_within(temp_ / "HOME", {(temp_ / "work").string()}, look_as_a_mac));
}

TEST_F(FoldersTest, NeighboursAreNoneOfIt) {
  for (const char* root : {"home2", "work/project", "hom", "home.bak", "home/../home2", "work/link/../home2"})
    EXPECT_FALSE(reaches(root)) << root;
}

TEST_F(FoldersTest, TasksStartWithinTheAllowedFolders) {
  const std::vector<std::string> allowed = {(temp_ / "work").string()};
  for (const char* inside : {"work", "work/", "work/project", "work/not-yet", "work/project/../project"})
    EXPECT_TRUE(is_within(temp_ / inside, allowed)) << inside;
  for (const char* outside :
       {"", "home", "worker", "work/..", "work/../home", "work/link", "work/up", "work/up/work/../home"})
    EXPECT_FALSE(is_within(temp_ / outside, allowed)) << outside;
  EXPECT_FALSE(is_within(temp_ / "work", {}));
  EXPECT_TRUE(is_within(temp_ / "work", {(temp_ / "home").string(), (temp_ / "home/../work/").string()}));
}

TEST_F(FoldersTest, ATildeIsTheUsersOwnFolder) {
  const char* before = std::getenv("HOME");
  const std::string kept = before ? before : "";
  ::setenv("HOME", temp_.path().c_str(), 1);
  EXPECT_TRUE(is_within(temp_ / "work/project", {"~/work"}));
  EXPECT_FALSE(is_within(temp_ / "home", {"~/work"}));
  EXPECT_TRUE(is_within(temp_ / "home", {"~"}));
  if (before)
    ::setenv("HOME", kept.c_str(), 1);
  else
    ::unsetenv("HOME");
}

TEST(WritableFoldersTest, AreFoundWhereverParametersNameThem) {
  const auto found = [](const char* params) {
    return writable_folders_in(boost::json::parse(params).as_object());
  };
  EXPECT_THAT(found(R"({"cwd":"/a"})"), ElementsAre("/a"));
  EXPECT_THAT(found(R"({"runtimeWorkspaceRoots":["/a","/b",7]})"), ElementsAre("/a", "/b"));
  EXPECT_THAT(found(R"({"sandboxPolicy":{"type":"workspaceWrite","writableRoots":["/a"]}})"),
              ElementsAre("/a"));
  EXPECT_THAT(found(R"({"environments":[{"cwd":"/a","runtimeWorkspaceRoots":["/b"]},7]})"),
              ElementsAre("/a", "/b"));
  EXPECT_THAT(
      found(
          R"({"config":{"sandbox_workspace_write.writable_roots":["/a"],"sandbox_workspace_write":{"writable_roots":["/b"]}}})"),
      ElementsAre("/a", "/b"));
  EXPECT_THAT(found(R"({"threadId":"t"})"), IsEmpty());
}

TEST(OpenedFoldersTest, AreFoundInWhateverCodexAsksFor) {
  const auto found = [](const std::string& params) {
    return folders_opened_by(boost::json::parse(params).as_object());
  };
  const auto entry = [&](const std::string& path, const std::string& access = "write") {
    return found(R"({"permissions":{"fileSystem":{"entries":[{"access":")" + access + R"(","path":)" + path +
                 "}]}}}");
  };
  EXPECT_THAT(found(R"({"permissions":{"fileSystem":{"read":["/a"],"write":["/b"]}}})"),
              ElementsAre("/a", "/b"));
  EXPECT_THAT(found(R"({"additionalPermissions":{"fileSystem":{"write":["/b"]}}})"), ElementsAre("/b"));
  EXPECT_THAT(found(R"({"grantRoot":"/a"})"), ElementsAre("/a"));
  EXPECT_THAT(entry(R"({"type":"path","path":"/a"})"), ElementsAre("/a"));
  EXPECT_THAT(entry(R"({"type":"path","path":"/a"})", "read"), ElementsAre("/a"));
  EXPECT_THAT(entry(R"({"type":"path","path":"/a"})", "deny"), IsEmpty());
  EXPECT_THAT(entry(R"({"type":"glob_pattern","pattern":"/a/b*/c"})"), ElementsAre("/a/"));
  EXPECT_THAT(entry(R"({"type":"glob_pattern","pattern":"/a/b"})"), ElementsAre("/a/b"));
  EXPECT_THAT(entry(R"({"type":"glob_pattern","pattern":"*"})"), ElementsAre("/"));
  EXPECT_THAT(entry(R"({"type":"special","value":{"kind":"slash_tmp"}})"), ElementsAre("/tmp"));
  EXPECT_THAT(entry(R"({"type":"special","value":{"kind":"project_roots","subpath":null}})"), IsEmpty());
  EXPECT_THAT(entry(R"({"type":"special","value":{"kind":"project_roots","subpath":"src"}})"), IsEmpty());
  for (const char* out : {"..", "../x", "src/../..", "/etc"})
    EXPECT_THAT(
        entry(std::string(R"({"type":"special","value":{"kind":"project_roots","subpath":")") + out + "\"}}"),
        ElementsAre("/"))
        << out;
  EXPECT_THAT(found(R"({"permissions":{"fileSystem":{"read":["~/x","rel",""],"write":["./y"]}}})"),
              ElementsAre("/", "/", "/", "/"));
  EXPECT_THAT(found(R"({"grantRoot":"~"})"), ElementsAre("/"));
  EXPECT_THAT(entry(R"({"type":"path","path":"rel"})"), ElementsAre("/"));
  EXPECT_THAT(entry(R"({"type":"glob_pattern","pattern":"~/x"})"), ElementsAre("/"));
  for (const char* unknown : {R"({"type":"special","value":{"kind":"root"}})",
                              R"({"type":"special","value":{"kind":"unknown","path":"x"}})",
                              R"({"type":"tomorrow"})", R"({})", R"({"type":"path"})"})
    EXPECT_THAT(entry(unknown), ElementsAre("/")) << unknown;
  EXPECT_THAT(found(R"({"permissions":{"fileSystem":{"entries":[7]}}})"), ElementsAre("/"));
  EXPECT_THAT(found(R"({"permissions":{"network":{"enabled":true}}})"), IsEmpty());
}

}  // namespace
}  // namespace zane::policy
