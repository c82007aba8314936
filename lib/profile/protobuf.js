'use strict'

// As much of Protocol Buffers' encoding as a profile needs.

const VARINT = 0
const LENGTH_DELIMITED = 2

/** A message that is being written, field by field. Fields that are zero or empty are left out, as they default so. */
class Message {
  #bytes = []

  /** A whole number of any size that is not negative. */
  number(field, value) {
    if (value === 0) return this
    this.#varint(field * 8 + VARINT)
    this.#varint(value)
    return this
  }

  numbers(field, values) {
    const packed = new Message()
    for (const value of values) packed.#varint(value)
    return values.length === 0 ? this : this.message(field, packed)
  }

  string(field, text) {
    return this.#delimited(field, Buffer.from(text))
  }

  message(field, message) {
    return this.#delimited(field, message.#bytes)
  }

  toBuffer() {
    return Buffer.from(this.#bytes)
  }

  #delimited(field, bytes) {
    this.#varint(field * 8 + LENGTH_DELIMITED)
    this.#varint(bytes.length)
    for (const byte of bytes) this.#bytes.push(byte)
    return this
  }

  /** Seven bits a byte, the lowest first. By division: shifts end at 32 bits. */
  #varint(value) {
    let rest = value
    while (rest >= 128) {
      this.#bytes.push((rest % 128) + 128)
      rest = Math.floor(rest / 128)
    }
    this.#bytes.push(rest)
  }
}

module.exports = { Message }
