package download_test

const childEnv = "ENGINEBAY_TEST_DOWNLOAD"

func child() {}
