package sdktest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// takesForm says whether an operation's body is a form with a file in it.
func takesForm(op sdk.Operation) bool {
	return op == sdk.OpTranscription || op == sdk.OpTranslation
}

func contentType(op sdk.Operation) string {
	if takesForm(op) {
		return "multipart/form-data; boundary=sdktest"
	}
	return "application/json"
}

// recording is a form with a second of silence in it.
func recording(model string) []byte {
	b := fmt.Appendf(nil, "--sdktest\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n%s\r\n", model)
	b = append(b, "--sdktest\r\nContent-Disposition: form-data; name=\"file\"; filename=\"silence.wav\"\r\nContent-Type: audio/wav\r\n\r\n"...)
	return append(append(b, silence()...), "\r\n--sdktest--\r\n"...)
}

// silence is a WAV file of a second: one channel of 16,000 samples of 16 bits.
func silence() []byte {
	const rate, size = 16_000, 2
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), 36+rate*size)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)        // of the format's fields
	b = binary.LittleEndian.AppendUint16(b, 1)         // PCM
	b = binary.LittleEndian.AppendUint16(b, 1)         // channels
	b = binary.LittleEndian.AppendUint32(b, rate)      // samples a second
	b = binary.LittleEndian.AppendUint32(b, rate*size) // bytes a second
	b = binary.LittleEndian.AppendUint16(b, size)      // bytes of a sample
	b = binary.LittleEndian.AppendUint16(b, 8*size)    // bits of a sample
	b = binary.LittleEndian.AppendUint32(append(b, "data"...), rate*size)
	return append(b, bytes.Repeat([]byte{0}, rate*size)...)
}

// sound: speech is some audio, in whatever format.
func sound(resp *http.Response, _ sdk.Operation, _ string) error {
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "audio/") {
		return fmt.Errorf("Content-Type of speech is %q", kind)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && n == 0 {
		err = fmt.Errorf("the speech is empty")
	}
	return err
}
