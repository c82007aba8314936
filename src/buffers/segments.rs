//! A list that grows and shrinks by segments: nothing in it is ever copied to make room.

const SEGMENT: usize = 256;

pub(super) struct Segments<T> {
  /// All but the last are full.
  segments: Vec<Vec<T>>,
}

impl<T> Segments<T> {
  pub(super) const fn new() -> Self {
    Self { segments: Vec::new() }
  }

  pub(super) fn len(&self) -> usize {
    let last = self.segments.last().map_or(0, Vec::len);
    self.segments.len().saturating_sub(1).saturating_mul(SEGMENT).saturating_add(last)
  }

  pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
    self.segments.get_mut(index.div_euclid(SEGMENT))?.get_mut(index.rem_euclid(SEGMENT))
  }

  /// What is below this place, as far as it lies side by side.
  pub(super) fn below(&self, place: usize) -> &[T] {
    let Some(last) = place.checked_sub(1) else { return &[] };
    let segment = self.segments.get(last.div_euclid(SEGMENT));
    segment.and_then(|segment| segment.get(..=last.rem_euclid(SEGMENT))).unwrap_or_default()
  }

  pub(super) fn push(&mut self, value: T) {
    if let Some(last) = self.segments.last_mut().filter(|last| last.len() < SEGMENT) {
      return last.push(value);
    }
    let mut segment = Vec::with_capacity(SEGMENT);
    segment.push(value);
    self.segments.push(segment);
  }

  pub(super) fn pop(&mut self) -> Option<T> {
    let last = self.segments.last_mut()?;
    let value = last.pop();
    if last.is_empty() {
      self.segments.pop();
      let capacity = self.segments.capacity();
      if self.segments.len() < capacity.div_euclid(4) {
        self.segments.shrink_to(capacity.div_euclid(2));
      }
    }
    value
  }

  pub(super) fn swap(&mut self, one: usize, other: usize) {
    let segments = [one.div_euclid(SEGMENT), other.div_euclid(SEGMENT)];
    let places = [one.rem_euclid(SEGMENT), other.rem_euclid(SEGMENT)];
    if segments.first() == segments.last() {
      let segment = self.segments.get_mut(one.div_euclid(SEGMENT));
      if let Some(Ok([one, other])) = segment.map(|segment| segment.get_disjoint_mut(places)) {
        std::mem::swap(one, other);
      }
    } else if let Ok([one, other]) = self.segments.get_disjoint_mut(segments) {
      let [one_place, other_place] = places;
      if let (Some(one), Some(other)) = (one.get_mut(one_place), other.get_mut(other_place)) {
        std::mem::swap(one, other);
      }
    }
  }

  /// Puts the last value into the place of the one at `index`, which it gives.
  pub(super) fn swap_remove(&mut self, index: usize) -> Option<T> {
    let last = self.pop()?;
    match self.get_mut(index) {
      Some(place) => Some(std::mem::replace(place, last)),
      None => Some(last), // it was the last itself
    }
  }
}
