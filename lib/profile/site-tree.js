'use strict'

// Allocation sites as a tree of calls: a node is one place in one chain of callers.

class SiteNode {
  /** What is alive of the memory allocated here, estimated: bytes, and buffers. */
  bytes = 0
  count = 0
  #children = new Map()

  constructor(frame, parent) {
    this.frame = frame
    this.parent = parent
  }

  get children() {
    return [...this.#children.values()]
  }

  /** Frames are told apart by identity; see FrameTable. */
  child(frame) {
    let node = this.#children.get(frame)
    if (node === undefined) {
      node = new SiteNode(frame, this)
      this.#children.set(frame, node)
    }
    return node
  }

  /** The frames that lead here, innermost first. */
  get stack() {
    const frames = []
    for (let node = this; node.parent; node = node.parent) frames.push(node.frame)
    return frames
  }

  /** Drops all below that neither `isWanted` nor leads to what is; false if that leaves nothing. */
  prune(isWanted) {
    for (const [frame, child] of this.#children) {
      if (!child.prune(isWanted)) this.#children.delete(frame)
    }
    return this.#children.size > 0 || isWanted(this)
  }

  /** This node and all below, callers before those they call. */
  *walk() {
    yield this
    for (const child of this.#children.values()) yield* child.walk()
  }
}

class SiteTree {
  root = new SiteNode({ functionName: '(root)', script: '', line: null, column: null }, null)

  /** The node of a stack whose innermost frame comes first. */
  at(stack) {
    return stack.reduceRight((node, frame) => node.child(frame), this.root)
  }
}

module.exports = { SiteTree }
