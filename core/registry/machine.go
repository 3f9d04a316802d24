package registry

// A Machine is what a variant may ask for.
type Machine struct {
	OS           string            `json:"os"`   // as Go names it
	Arch         string            `json:"arch"` // as Go names it
	CPU          []string          `json:"cpu"`  // instructions, as Linux names them: "avx2"
	Glibc        string            `json:"glibc,omitempty"`
	Accelerators map[string]string `json:"accelerators"` // version of the driver by kind ("cuda"); empty where it is not known
}
