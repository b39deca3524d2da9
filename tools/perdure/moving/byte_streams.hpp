#pragma once

#include <perdure/failure.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

// Where the bytes of an export file come from and go to.

namespace perdure::tool {

class byte_sink {
  public:
    byte_sink() = default;
    byte_sink(const byte_sink&) = delete;
    byte_sink& operator=(const byte_sink&) = delete;
    virtual ~byte_sink() = default;

    virtual void write(std::string_view bytes) = 0;
    // Call last: only then is all of it there.
    virtual void finish() = 0;
};

class byte_source {
  public:
    byte_source() = default;
    byte_source(const byte_source&) = delete;
    byte_source& operator=(const byte_source&) = delete;
    virtual ~byte_source() = default;

    // How many bytes were put there; 0 at the end.
    [[nodiscard]] virtual std::size_t read(std::span<char> into) = 0;
};

// A file descriptor that is closed with its owner, unless it is one of the process.
class descriptor {
  public:
    explicit descriptor(int number) noexcept : number_(number) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor();

    [[nodiscard]] int number() const noexcept { return number_; }

  private:
    int number_;
};

enum class existing_file { refused, overwritten };

// A file that appears under its name when it is whole: until then it is called NAME.partial, which
// stays after an error and is written anew the next time. "-" is standard output.
class output_file final : public byte_sink {
  public:
    output_file(std::string path, existing_file existing);

    void write(std::string_view bytes) override;
    void finish() override;
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  private:
    void flush();
    void publish();

    std::string path_;
    std::string partial_;
    existing_file existing_;
    descriptor file_;
    std::string buffer_;
    std::size_t bytes_ = 0;
};

// "-" is standard input.
class input_file final : public byte_source {
  public:
    explicit input_file(std::string path);

    [[nodiscard]] std::size_t read(std::span<char> into) override;

  private:
    std::string path_;
    descriptor file_;
};

}  // namespace perdure::tool
