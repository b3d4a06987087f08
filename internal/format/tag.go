package format

// A tag is copied whole, which takes two instructions, and then the rest of those
// with longer names.
type tag struct {
	head [32]byte
	rest []byte
	size int
}

func newTag(text string) tag {
	t := tag{size: len(text)}
	t.rest = []byte(text[copy(t.head[:], text):])
	return t
}

// put needs room for the tag and a head more.
func (t *tag) put(buf []byte, n int) int {
	*(*[len(t.head)]byte)(buf[n:]) = t.head
	if len(t.rest) > 0 {
		copy(buf[n+len(t.head):], t.rest)
	}
	return n + t.size
}
