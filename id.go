package outturn

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// NewID returns a UUIDv7 (RFC 9562): ids made later sort later, to the
// millisecond.
func NewID(now time.Time) string {
	var u [16]byte
	_, _ = rand.Read(u[6:]) // never fails
	binary.BigEndian.PutUint32(u[:4], uint32(now.UnixMilli()>>16))
	binary.BigEndian.PutUint16(u[4:6], uint16(now.UnixMilli()))
	u[6] = u[6]&0x0F | 0x70
	u[8] = u[8]&0x3F | 0x80
	text := hex.EncodeToString(u[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// IDLength is how long every id is. What is longer may be a token, sent in the wrong
// place.
const IDLength = 36
